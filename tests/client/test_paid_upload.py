"""The paid uploader, both wings joined in memory: MCP client -> tool -> wallet -> host -> play money -> URL."""

import hashlib
import json
from asyncio import gather
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from time import time

import pytest

from img402_mcp.client.paid_upload import open_paid_uploader
from img402_mcp.wire.img402 import PAID, TOKEN
from tests.fakes.agent import ERAS, agent, fetched, money, spent, text, uploading
from tests.fakes.keys import ADDRESS, KEY, SELLING
from tests.fakes.serving import reply
from tests.fakes.wire import hosting

FLOWS = pytest.mark.parametrize("flow", ["token", "inline"])

REUSED = "Already uploaded, so its existing URL is returned. Nothing was sent or paid."


@ERAS
@FLOWS
async def test_an_image_is_paid_for_once_and_served(era, flow, wire, picture, sample):
    async with agent(picture.parent, wire, era, money=money(flow=flow)) as client:
        first = await client.call_tool("upload_paid", {"path": str(picture)})
        again = await client.call_tool("upload_paid", {"path": str(picture)})
        status = await client.call_tool("payment_status")
        served = await fetched(wire, first.structured_content["url"])
    assert not first.is_error, text(first)
    assert served == sample("plain.png")
    bought = {name: value for name, value in first.structured_content.items() if name != "verified"}
    assert again.structured_content == bought | {"reused": True}
    facts, undo = text(first).splitlines()[1:]
    assert text(again).splitlines()[1:] == [f"{REUSED} {facts.removesuffix(', verified.')}.", undo]
    assert status.structured_content == {
        "address": ADDRESS,
        "networks": ["base-sepolia"],
        "spent_24h_usdc": "0.01",
        "spent_in_all_usdc": "0.01",
        "left_24h_usdc": "0.99",
    }
    assert len(wire.proofs) == 1


@FLOWS
async def test_what_is_said_about_a_paid_image_is_what_was_done_when_it_was_sent(flow, wire, picture, sample):
    picture.write_bytes(sample("exif.jpg"))
    async with agent(picture.parent, wire, money=money(flow=flow), scrub=False) as client:
        bare = (await client.call_tool("upload_paid", {"path": str(picture)})).structured_content
    async with agent(picture.parent, wire, money=money(flow=flow)) as client:
        again = (await client.call_tool("upload_paid", {"path": str(picture)})).structured_content
    note = "It was sent as it was prepared then, which differs from how it would be prepared now."
    assert (again["url"], again["reused"], again.get("done"), again["note"]) == (bare["url"], True, None, note)


@FLOWS
async def test_a_scrubbed_paid_image_says_so_each_time_it_is_returned(flow, wire, picture, sample):
    picture.write_bytes(sample("exif.jpg"))
    async with agent(picture.parent, wire, money=money(flow=flow)) as client:
        first = (await client.call_tool("upload_paid", {"path": str(picture)})).structured_content
        again = (await client.call_tool("upload_paid", {"path": str(picture)})).structured_content
    assert first["done"].startswith("removed: ")
    assert (again["done"], again.get("note")) == (first["done"], None)


async def test_an_image_that_an_earlier_call_prepared_differently_says_so(wire, picture, sample):
    picture.write_bytes(sample("exif.jpg"))
    wire.mishaps[PAID] = ["lost"] * 3
    async with agent(picture.parent, wire, money=money(), scrub=False) as client:
        lost = await client.call_tool("upload_paid", {"path": str(picture)})
    async with agent(picture.parent, wire, money=money()) as client:
        found = (await client.call_tool("upload_paid", {"path": str(picture)})).structured_content
        assert await spent(client) == "0.01"
    assert lost.is_error
    assert found["size_bytes"] == len(sample("exif.jpg"))
    assert found["note"] == "An earlier call delivered it, prepared in a different way than this call would."
    assert "done" not in found


async def test_with_inline_payment_the_image_is_sent_once(wire, picture):
    async with agent(picture.parent, wire, money=money(flow="inline")) as client:
        await client.call_tool("upload_paid", {"path": str(picture)})
    assert wire.passed[:-1] == [("GET", "/openapi.json", 200), ("POST", PAID, 402), ("POST", PAID, 200)]


@pytest.mark.parametrize(
    ("flow", "lost"),
    [
        pytest.param("token", {TOKEN: ["lost"]}, id="the-token"),
        pytest.param("token", {PAID: ["lost"]}, id="the-image"),
        pytest.param("token", {TOKEN: ["lost"], PAID: ["lost"]}, id="both"),
        pytest.param("token", {PAID: ["lost"] * 2}, id="the-image-twice"),
        pytest.param("inline", {PAID: ["lost"]}, id="inline"),
    ],
)
async def test_invariant_4_a_lost_answer_is_fetched_with_the_same_proof(flow, lost, wire, picture):
    wire.mishaps = {path: [*many] for path, many in lost.items()}
    async with agent(picture.parent, wire, money=money(flow=flow)) as client:
        result = await client.call_tool("upload_paid", {"path": str(picture)})
        assert not result.is_error, text(result)
        assert await spent(client) == "0.01"
    assert not any(wire.mishaps.values())
    assert len(wire.proofs) == 1


async def test_invariant_4_five_calls_at_once_pay_once(wire, picture):
    async with agent(picture.parent, wire, money=money()) as client:
        results = await gather(*(client.call_tool("upload_paid", {"path": str(picture)}) for _ in range(5)))
        assert await spent(client) == "0.01"
    assert len({(result.structured_content or {}).get("url", text(result)) for result in results}) == 1
    assert len(wire.proofs) == 1


async def test_invariant_6_what_the_api_would_refuse_is_refused_before_money_moves(wire, picture, sample):
    picture.write_bytes(sample("animated.png"))
    async with agent(picture.parent, wire, money=money()) as client:
        result = await client.call_tool("upload_paid", {"path": str(picture), "fit": "never"})
        assert await spent(client) == "0"
    assert "The image has 2,518 bytes and localhost takes at most 2,000 for a paid upload; nothing was paid." in text(
        result
    )
    assert wire.passed == [("GET", "/openapi.json", 200)]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        pytest.param({"max_payment": 9_999}, "IMG402_MAX_PAYMENT changes that.", id="too-dear"),
        pytest.param({"daily_budget": 9_999}, "IMG402_DAILY_BUDGET", id="day-s-budget"),
        pytest.param({"networks": ("base",)}, "IMG402_NETWORKS allows base.", id="network"),
        pytest.param({"pay_to": ADDRESS}, "is expected (IMG402_PAY_TO)", id="payee"),
    ],
)
async def test_invariant_5_what_the_budget_does_not_allow_is_not_signed(changes, sentence, wire, picture):
    async with agent(picture.parent, wire, money=money(**changes)) as client:
        result = await client.call_tool("upload_paid", {"path": str(picture)})
        assert await spent(client) == "0"
    assert sentence in text(result)
    assert wire.proofs == set()


async def test_invariant_8_neither_key_nor_proof_is_in_an_answer_or_a_log(wire, picture, caplog, tmp_path):
    caplog.set_level("DEBUG")
    async with agent(picture.parent, wire, money=money()) as client:
        answers = [
            (await client.call_tool("upload_paid", {"path": str(picture)})).model_dump_json(),
            (await client.call_tool("payment_status")).model_dump_json(),
            (await client.call_tool("limits")).model_dump_json(),
        ]
    (proof,) = wire.proofs
    for secret in (KEY[2:], proof, proof[200:260]):
        assert all(secret not in words for words in (*answers, caplog.text))
    stored = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert KEY[2:].encode() not in stored


async def test_an_intent_is_identified_by_the_files_bytes_and_not_its_name(wire, picture, sample):
    twin = picture.with_name("twin.png")
    twin.write_bytes(picture.read_bytes())
    async with agent(picture.parent, wire, money=money()) as client:
        first = await client.call_tool("upload_paid", {"path": str(picture)})
        second = await client.call_tool("upload_paid", {"path": str(twin)})
        assert await spent(client) == "0.01"
    assert second.structured_content["url"] == first.structured_content["url"]
    assert second.structured_content["markdown"].startswith("![twin]")
    assert hashlib.sha256(sample("plain.png")).hexdigest() not in json.dumps(first.structured_content)


@FLOWS
async def test_an_expired_image_is_bought_again(flow, tmp_path, picture):
    later = timedelta()
    hosted = hosting(tmp_path / "host", SELLING | {"IMG402_HOST_PAID_DAYS": "1"}, lambda: datetime.now(UTC) + later)
    async with hosted as wire, uploading(picture.parent, wire, money=money(flow=flow)) as uploader:
        with open_paid_uploader(uploader) as opened:
            paid = replace(opened, payer=replace(opened.payer, now=lambda: time() + later.total_seconds()))
            first, again = [await paid.upload(str(picture)) for _ in range(2)]
            later = timedelta(days=2)
            renewed = await paid.upload(str(picture))
            assert paid.payer.journal.spent() == 20_000
    assert (first.reused, again.reused, renewed.reused) == (False, True, False)
    assert first.receipt.url == again.receipt.url != renewed.receipt.url


async def test_the_payment_for_a_refused_file_is_used_for_the_next_one(wire, picture, sample):
    """The API states no limits, so its refusal comes after the payment."""
    wire.mishaps["/openapi.json"] = [reply(404)] * 9
    picture.write_bytes(sample("animated.png"))
    smaller = picture.with_name("smaller.png")
    smaller.write_bytes(sample("plain.png"))
    async with agent(picture.parent, wire, money=money()) as client:
        refused = await client.call_tool("upload_paid", {"path": str(picture)})
        done = await client.call_tool("upload_paid", {"path": str(smaller)})
        assert await spent(client) == "0.01"
    assert "The image has 2,518 bytes, more than localhost takes." in text(refused)
    assert "A token was paid for already (0.01 USDC to localhost (nonce 0x" in text(refused)
    assert "the next upload_paid uses it and pays nothing more." in text(refused)
    assert not done.is_error
    assert len(wire.proofs) == 1


async def test_two_tools_make_one_purchase(wire, picture):
    async with (
        agent(picture.parent, wire, money=money(flow="token")) as one,
        agent(picture.parent, wire, money=money(flow="inline")) as other,
    ):
        await gather(*(client.call_tool("upload_paid", {"path": str(picture)}) for client in (one, other)))
        first = await one.call_tool("upload_paid", {"path": str(picture)})
        second = await other.call_tool("upload_paid", {"path": str(picture)})
        assert await spent(one) == "0.01"
    assert first.structured_content["url"] == second.structured_content["url"]
