"""The paid uploader, both wings joined in memory: MCP client -> tool -> wallet -> host -> play money -> URL."""

import hashlib
import json
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import time
from typing import Any

import anyio
import httpx2
import pytest
from mcp import Client
from mcp_types import CallToolResult, ElicitResult, TextContent
from starlette.responses import Response

from img402_mcp.client.files.roots import Roots
from img402_mcp.client.paid_upload import open_paid_uploader
from img402_mcp.client.settings import Money, Settings, WalletSource
from img402_mcp.client.upload import open_uploader
from img402_mcp.errors import PaymentRefused
from img402_mcp.host.app import create_app
from img402_mcp.host.settings import host_settings
from img402_mcp.mcp_server.server import create_server

ERAS = pytest.mark.parametrize("era", ["legacy", "2026-07-28"])
FLOWS = pytest.mark.parametrize("flow", ["token", "inline"])
API = "http://localhost"
KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
ADDRESS = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
PAYEE = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
SELLING = {
    "IMG402_HOST_PAY_TO": PAYEE,
    "IMG402_HOST_NETWORK": "base-sepolia",
    "IMG402_HOST_FACILITATOR": "play",
    "IMG402_HOST_PAID_MAX_BYTES": "2000",
}


class Wire(httpx2.AsyncBaseTransport):
    """The way to the host: it keeps what passed, and loses the answers it is told to lose, after the host worked."""

    def __init__(self, app) -> None:
        self._inner = httpx2.ASGITransport(app=app)
        self.passed: list[tuple[str, int]] = []
        self.proofs: set[str] = set()
        self.losses: list[str] = []

    async def handle_async_request(self, request):
        proof = request.headers.get("payment-signature") or request.headers.get("x-payment")
        response = await self._inner.handle_async_request(request)
        self.passed.append((request.url.path, response.status_code))
        if proof:
            self.proofs.add(proof)
        if response.status_code == 200 and request.url.path in self.losses:
            self.losses.remove(request.url.path)
            raise httpx2.ReadError("lost", request=request)
        return response


@pytest.fixture
async def wire(tmp_path):
    app = create_app(host_settings(SELLING, data=tmp_path / "host", public_url=API))
    async with app.router.lifespan_context(app):
        yield Wire(app)


@pytest.fixture
def picture(tmp_path, sample) -> Path:
    folder = tmp_path.resolve() / "pictures"
    folder.mkdir()
    (folder / "a.png").write_bytes(sample("plain.png"))
    return folder / "a.png"


def money(**changes: Any) -> Money:
    purse: dict[str, Any] = {"wallet": WalletSource(key=KEY), "networks": ("base-sepolia",)}
    return Money(**(purse | changes))


@asynccontextmanager
async def agent(wire, picture: Path, purse: Money, era: str = "2026-07-28", *, scrub: bool = True, **more):
    state = picture.parent.parent / "state"
    settings = Settings(api_url=API, allow_dirs=(picture.parent,), named_state_dir=state, money=purse, scrub=scrub)
    async with Client(create_server(settings, transport=wire), mode=era, **more) as client:
        yield client


def text(result: CallToolResult) -> str:
    (part,) = result.content
    assert isinstance(part, TextContent)
    return part.text


async def spent(client) -> str:
    return (await client.call_tool("payment_status")).structured_content["spent_in_all_usdc"]


@ERAS
@FLOWS
async def test_an_image_is_paid_for_once_and_served(era, flow, wire, picture, sample):
    async with agent(wire, picture, money(flow=flow), era) as client:
        first = await client.call_tool("upload_paid", {"path": str(picture)})
        again = await client.call_tool("upload_paid", {"path": str(picture)})
        status = await client.call_tool("payment_status")
        async with httpx2.AsyncClient(transport=wire) as browser:
            served = await browser.get(first.structured_content["url"])
    assert not first.is_error, text(first)
    assert served.content == sample("plain.png")
    bought = {name: value for name, value in first.structured_content.items() if name not in {"verified", "delete_url"}}
    assert again.structured_content == bought | {"reused": True}
    facts = text(first).splitlines()[1].removesuffix(", verified")
    assert text(again).endswith(f"Uploaded before: the URL of then; nothing was sent or paid now. {facts}")
    assert status.structured_content == {
        "address": ADDRESS,
        "networks": ["base-sepolia"],
        "spent_24h_usdc": "0.01",
        "spent_in_all_usdc": "0.01",
        "left_24h_usdc": "0.99",
    }
    assert len(wire.proofs) == 1


@FLOWS
async def test_what_is_told_of_a_paid_image_is_what_was_done_when_it_was_sent(flow, wire, picture, sample):
    picture.write_bytes(sample("exif.jpg"))
    async with agent(wire, picture, money(flow=flow), scrub=False) as client:
        bare = (await client.call_tool("upload_paid", {"path": str(picture)})).structured_content
    async with agent(wire, picture, money(flow=flow)) as client:
        again = (await client.call_tool("upload_paid", {"path": str(picture)})).structured_content
    note = "It was sent as it was prepared then, which is not how it would be prepared now."
    assert (again["url"], again["reused"], again.get("done"), again["note"]) == (bare["url"], True, None, note)


@FLOWS
async def test_a_paid_image_that_was_scrubbed_tells_so_whenever_it_is_told(flow, wire, picture, sample):
    picture.write_bytes(sample("exif.jpg"))
    async with agent(wire, picture, money(flow=flow)) as client:
        first = (await client.call_tool("upload_paid", {"path": str(picture)})).structured_content
        again = (await client.call_tool("upload_paid", {"path": str(picture)})).structured_content
    assert first["done"].startswith("removed: ")
    assert (again["done"], again.get("note")) == (first["done"], None)


async def test_an_image_that_an_earlier_call_delivered_prepared_otherwise_is_told_as_such(wire, picture, sample):
    picture.write_bytes(sample("exif.jpg"))
    wire.losses = ["/api/upload"] * 3
    async with agent(wire, picture, money(), scrub=False) as client:
        lost = await client.call_tool("upload_paid", {"path": str(picture)})
    async with agent(wire, picture, money()) as client:
        found = (await client.call_tool("upload_paid", {"path": str(picture)})).structured_content
        assert await spent(client) == "0.01"
    assert lost.is_error
    assert found["size_bytes"] == len(sample("exif.jpg"))
    assert found["note"] == "It was delivered by an earlier call, which had prepared it otherwise than this one would."
    assert "done" not in found


async def test_inline_the_image_travels_once(wire, picture):
    async with agent(wire, picture, money(flow="inline")) as client:
        await client.call_tool("upload_paid", {"path": str(picture)})
    assert wire.passed[:-1] == [("/openapi.json", 200), ("/api/upload", 402), ("/api/upload", 200)]


@pytest.mark.parametrize(
    ("flow", "lost"),
    [
        pytest.param("token", ["/api/upload/token"], id="the-token"),
        pytest.param("token", ["/api/upload"], id="the-image"),
        pytest.param("token", ["/api/upload/token", "/api/upload"], id="both"),
        pytest.param("token", ["/api/upload", "/api/upload"], id="the-image-twice"),
        pytest.param("inline", ["/api/upload"], id="inline"),
    ],
)
async def test_invariant_4_a_lost_answer_is_fetched_with_the_same_proof(flow, lost, wire, picture):
    wire.losses = lost
    async with agent(wire, picture, money(flow=flow)) as client:
        result = await client.call_tool("upload_paid", {"path": str(picture)})
        assert not result.is_error, text(result)
        assert await spent(client) == "0.01"
    assert wire.losses == []
    assert len(wire.proofs) == 1


async def test_invariant_4_five_calls_at_once_pay_once(wire, picture):
    urls = []

    async def call(client):
        result = await client.call_tool("upload_paid", {"path": str(picture)})
        urls.append((result.structured_content or {}).get("url", text(result)))

    async with agent(wire, picture, money()) as client:
        async with anyio.create_task_group() as calls:
            for _ in range(5):
                calls.start_soon(call, client)
        assert await spent(client) == "0.01"
    assert len(urls) == 5
    assert len({*urls}) == 1
    assert len(wire.proofs) == 1


async def test_a_token_is_bought_handed_out_again_and_used(wire, picture):
    async with agent(wire, picture, money()) as client:
        bought = (await client.call_tool("get_upload_token")).structured_content
        again = (await client.call_tool("get_upload_token")).structured_content
        used = await client.call_tool("upload_with_token", {"path": str(picture), "token": bought["token"]})
        other = (await client.call_tool("get_upload_token")).structured_content
        assert await spent(client) == "0.02"
    assert again == bought | {"reused": True}
    assert used.structured_content["url"].startswith(API)
    assert other["token"] != bought["token"]


async def test_a_token_whose_image_was_lost_on_the_way_still_brings_it(wire, picture, sample):
    async with agent(wire, picture, money()) as client:
        token = (await client.call_tool("get_upload_token")).structured_content["token"]
        wire.losses = ["/api/upload"] * 3
        lost = await client.call_tool("upload_with_token", {"path": str(picture), "token": token})
        found = await client.call_tool("upload_with_token", {"path": str(picture), "token": token})
        assert await spent(client) == "0.01"
    assert lost.is_error
    assert found.structured_content["size_bytes"] == len(sample("plain.png"))


async def test_without_a_wallet_it_is_told_how_to_pay_and_a_token_from_elsewhere_is_used(wire, picture):
    async with agent(wire, picture, Money()) as client:
        told = await client.call_tool("get_upload_token")
        wrong = await client.call_tool("upload_with_token", {"path": str(picture), "token": "f" * 40})
    async with agent(wire, picture, money()) as client:
        token = (await client.call_tool("get_upload_token")).structured_content["token"]
    async with agent(wire, picture, Money()) as client:
        used = await client.call_tool("upload_with_token", {"path": str(picture), "token": token})
    assert not told.is_error
    assert told.structured_content == {
        "endpoint": f"{API}/api/upload/token",
        "method": "POST",
        "amount_usdc": "0.01",
        "network": "base-sepolia",
        "asset": "0x036CbD53842c5426634e7929541eC2318f3dCF7e",
        "pay_to": PAYEE,
        "next": "Pay the endpoint with any x402 client, such as a payments MCP tool; "
        "then upload_with_token(path, token).",
    }
    assert all(str(value) in text(told) for name, value in told.structured_content.items() if name != "method")
    assert "localhost does not take this token: it is wrong, or it was used for another image." in text(wrong)
    assert used.structured_content["url"].startswith(API)


async def test_a_token_from_elsewhere_whose_answer_is_lost_buys_nothing_and_says_so(wire, picture, sample):
    async with agent(wire, picture, money()) as client:
        token = (await client.call_tool("get_upload_token")).structured_content["token"]
    wire.losses = ["/api/upload"] * 3
    async with agent(wire, picture, Money()) as client:
        result = await client.call_tool("upload_with_token", {"path": str(picture), "token": token})
    assert "the image may be delivered" in text(result)
    assert "nothing is bought" in text(result)
    assert len(wire.proofs) == 1


async def test_invariant_6_what_the_api_would_refuse_is_refused_before_money_moves(wire, picture, sample):
    picture.write_bytes(sample("animated.png"))
    async with agent(wire, picture, money()) as client:
        result = await client.call_tool("upload_paid", {"path": str(picture), "fit": "never"})
        assert await spent(client) == "0"
    assert "The image has 2,518 bytes and localhost takes at most 2,000 for a paid upload; nothing was paid." in text(
        result
    )
    assert wire.passed == [("/openapi.json", 200)]


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
    async with agent(wire, picture, money(**changes)) as client:
        result = await client.call_tool("upload_paid", {"path": str(picture)})
        assert await spent(client) == "0"
    assert sentence in text(result)
    assert wire.proofs == set()


@ERAS
@pytest.mark.parametrize(
    ("answer", "paid"),
    [
        pytest.param(ElicitResult(action="accept", content={"pay": True}), True, id="yes"),
        pytest.param(ElicitResult(action="accept", content={"pay": False}), False, id="unticked"),
        pytest.param(ElicitResult(action="decline"), False, id="no"),
        pytest.param(ElicitResult(action="cancel"), False, id="away"),
    ],
)
async def test_the_user_is_asked_where_that_is_set(era, answer, paid, wire, picture):
    questions = []

    async def on_question(_, question):
        questions.append(question.message)
        return answer

    async with agent(wire, picture, money(approve="ask"), era, elicitation_callback=on_question) as client:
        result = await client.call_tool("upload_paid", {"path": str(picture)})
        assert await spent(client) == ("0.01" if paid else "0")
    assert questions == ["Pay 0.01 USDC to localhost for one image upload?"]
    assert result.is_error is not paid
    if not paid:
        assert "The payment of 0.01 USDC to localhost was declined; nothing was signed." in text(result)


@ERAS
async def test_a_client_that_cannot_ask_pays_nothing_where_the_user_must_be_asked(era, wire, picture):
    async with agent(wire, picture, money(approve="ask"), era) as client:
        result = await client.call_tool("upload_paid", {"path": str(picture)})
        assert await spent(client) == "0"
    assert "this client cannot ask; nothing was signed. Without a payment there is upload_free;" in text(result)
    assert "or set IMG402_APPROVE=auto: the budget still holds." in text(result)


async def test_invariant_8_neither_key_nor_proof_stands_in_an_answer_or_a_log(wire, picture, caplog, tmp_path):
    caplog.set_level("DEBUG")
    async with agent(wire, picture, money()) as client:
        told = [
            (await client.call_tool("upload_paid", {"path": str(picture)})).model_dump_json(),
            (await client.call_tool("payment_status")).model_dump_json(),
            (await client.call_tool("limits")).model_dump_json(),
        ]
    (proof,) = wire.proofs
    for secret in (KEY[2:], proof, proof[200:260]):
        assert all(secret not in words for words in (*told, caplog.text))
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert KEY[2:].encode() not in kept


async def test_the_intention_is_the_file_s_bytes_and_not_its_name(wire, picture, sample):
    twin = picture.with_name("twin.png")
    twin.write_bytes(picture.read_bytes())
    async with agent(wire, picture, money()) as client:
        first = await client.call_tool("upload_paid", {"path": str(picture)})
        second = await client.call_tool("upload_paid", {"path": str(twin)})
        assert await spent(client) == "0.01"
    assert second.structured_content["url"] == first.structured_content["url"]
    assert second.structured_content["markdown"].startswith("![twin]")
    assert hashlib.sha256(sample("plain.png")).hexdigest() not in json.dumps(first.structured_content)


@FLOWS
async def test_an_image_whose_time_is_over_is_bought_anew(flow, tmp_path, picture):
    later = timedelta()
    host = host_settings(SELLING | {"IMG402_HOST_PAID_DAYS": "1"}, data=tmp_path / "host", public_url=API)
    app = create_app(host, now=lambda: datetime.now(UTC) + later)
    settings = Settings(API, (picture.parent,), tmp_path / "state", money=money(flow=flow))
    roots = Roots.resolve(settings.allow_dirs)
    async with app.router.lifespan_context(app), open_uploader(settings, roots, Wire(app)) as uploader:
        with open_paid_uploader(uploader) as opened:
            paid = replace(opened, payer=replace(opened.payer, now=lambda: time() + later.total_seconds()))
            first, again = [await paid.upload(str(picture)) for _ in range(2)]
            later = timedelta(days=2)
            renewed = await paid.upload(str(picture))
            assert paid.payer.journal.spent() == 20_000
    assert (first.reused, again.reused, renewed.reused) == (False, True, False)
    assert first.receipt.url == again.receipt.url != renewed.receipt.url


async def test_five_files_with_one_token_are_one_payment_and_one_image(wire, picture, sample):
    files = {name: sample(name) for name in ("plain.png", "palette.png", "baseline.jpg", "lossy.webp", "lossless.webp")}
    answers: dict[str, CallToolResult] = {}

    async def use(client, name):
        (picture.parent / name).write_bytes(files[name])
        answers[name] = await client.call_tool(
            "upload_with_token", {"path": str(picture.parent / name), "token": token}
        )

    async with agent(wire, picture, money()) as client:
        token = (await client.call_tool("get_upload_token")).structured_content["token"]
        async with anyio.create_task_group() as calls:
            for name in files:
                calls.start_soon(use, client, name)
        assert await spent(client) == "0.01"
        delivered = {name: result for name, result in answers.items() if not result.is_error}
        async with httpx2.AsyncClient(transport=wire) as browser:
            served = {name: await browser.get(each.structured_content["url"]) for name, each in delivered.items()}
    assert len(delivered) == 1
    assert {name: answer.content for name, answer in served.items()} == {name: files[name] for name in delivered}
    assert all("This token is used, or being used, for another file" in text(r) for r in answers.values() if r.is_error)
    assert len(wire.proofs) == 1


async def test_a_token_that_has_run_out_past_its_payment_s_window_buys_nothing_by_itself(tmp_path, picture):
    """The payment is closed meanwhile: using the old token may not make a new one, whoever would approve it."""
    later = timedelta()
    app = create_app(
        host_settings(SELLING, data=tmp_path / "host", public_url=API), now=lambda: datetime.now(UTC) + later
    )
    settings = Settings(API, (picture.parent,), tmp_path / "state", money=money())
    way = Wire(app)
    async with (
        app.router.lifespan_context(app),
        open_uploader(settings, Roots.resolve(settings.allow_dirs), way) as uploader,
    ):
        with open_paid_uploader(uploader) as opened:
            paid = replace(opened, payer=replace(opened.payer, now=lambda: time() + later.total_seconds()))
            issued = await paid.token()
            (payment,) = paid.payer.journal.open_payments()
            later = timedelta(days=1)
            await paid.payer.resolve(payment.nonce, presume_unsettled=True)
            with pytest.raises(PaymentRefused, match="is closed; nothing new was paid for this"):
                await paid.upload_with_token(str(picture), issued.token.value)
    assert len(way.proofs) == 1


async def test_what_was_paid_for_a_file_that_is_then_refused_serves_the_next_one(tmp_path, picture, sample):
    app = create_app(host_settings(SELLING, data=tmp_path / "host", public_url=API))

    class Silent(Wire):
        """The API states no limits, so that its refusal comes after the payment."""

        async def handle_async_request(self, request):
            if request.url.path == "/openapi.json":
                return httpx2.Response(404, stream=httpx2.ByteStream(b""))
            return await super().handle_async_request(request)

    picture.write_bytes(sample("animated.png"))
    smaller = picture.with_name("smaller.png")
    smaller.write_bytes(sample("plain.png"))
    way = Silent(app)
    async with app.router.lifespan_context(app), agent(way, picture, money()) as client:
        refused = await client.call_tool("upload_paid", {"path": str(picture)})
        done = await client.call_tool("upload_paid", {"path": str(smaller)})
        assert await spent(client) == "0.01"
    assert "The image has 2,518 bytes, more than localhost takes." in text(refused)
    assert "A token was paid for already (0.01 USDC to localhost (nonce 0x" in text(refused)
    assert "the next upload_paid uses it and pays nothing more." in text(refused)
    assert not done.is_error
    assert len(way.proofs) == 1


async def test_two_doors_are_one_purchase(wire, picture):
    async with agent(wire, picture, money(flow="token")) as one, agent(wire, picture, money(flow="inline")) as other:
        async with anyio.create_task_group() as calls:
            for client in (one, other):
                calls.start_soon(client.call_tool, "upload_paid", {"path": str(picture)})
        first = await one.call_tool("upload_paid", {"path": str(picture)})
        second = await other.call_tool("upload_paid", {"path": str(picture)})
        assert await spent(one) == "0.01"
    assert first.structured_content["url"] == second.structured_content["url"]


@ERAS
async def test_nobody_is_asked_where_nothing_will_be_paid(era, wire, picture):
    questions = []

    async def on_question(_, question):
        questions.append(question.message)
        return ElicitResult(action="accept", content={"pay": True})

    async with agent(wire, picture, money(approve="ask"), era, elicitation_callback=on_question) as client:
        for _ in range(2):
            await client.call_tool("upload_paid", {"path": str(picture)})
            await client.call_tool("get_upload_token")
        forbidden = await client.call_tool("upload_paid", {"path": "/etc/passwd"})
    assert len(questions) == 2
    assert "does not lead into an allowed folder" in text(forbidden)


@pytest.mark.parametrize(
    "token", ["", "x", "bad\r\nX-Evil: y", "tök" * 20], ids=["empty", "short", "header", "no-ascii"]
)
async def test_what_is_no_token_is_not_sent_and_not_repeated(token, wire, picture):
    async with agent(wire, picture, money()) as client:
        result = await client.call_tool("upload_with_token", {"path": str(picture), "token": token})
    assert text(result).endswith("That is no upload token. Get one with get_upload_token.")
    assert wire.passed == []


@pytest.mark.parametrize(
    "expiry", ['"soon"', "null", '"2026-01-01T00:00:00"', ""], ids=["odd", "null", "past", "absent"]
)
async def test_a_token_with_an_odd_expiry_is_used_and_stands_in_no_error(expiry, picture):
    field = f', "expiresAt": {expiry}' if expiry else ""
    token = "deadbeef" * 5

    async def api(scope, receive, send):
        answers = {
            "/api/upload/token": f'{{"token": "{token}"{field}}}',
            "/api/upload": '{"url": "http://localhost/a.png"}',
        }
        await Response(answers.get(scope["path"], "{}"), media_type="application/json")(scope, receive, send)

    async with agent(httpx2.ASGITransport(api), picture, money()) as client:
        result = await client.call_tool("upload_paid", {"path": str(picture)})
    assert result.structured_content["url"] == "http://localhost/a.png"
    assert token not in text(result)
