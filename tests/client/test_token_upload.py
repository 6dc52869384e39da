"""Upload tokens: bought, returned, used once, and never paid for twice."""

from asyncio import gather
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from time import time
from urllib.parse import urlsplit

import pytest

from img402_mcp.client.http import Request, Response
from img402_mcp.client.paid_upload import open_paid_uploader
from img402_mcp.client.settings.model import Money
from img402_mcp.errors import PaymentRefused
from img402_mcp.wire.img402 import PAID, TOKEN
from tests.fakes.agent import agent, fetched, money, spent, text, uploading
from tests.fakes.keys import PAYEE, SELLING
from tests.fakes.serving import InMemory
from tests.fakes.wire import API, hosting


async def test_a_token_is_bought_returned_again_and_used(wire, picture):
    async with agent(picture.parent, wire, money=money()) as client:
        bought = (await client.call_tool("get_upload_token")).structured_content
        again = (await client.call_tool("get_upload_token")).structured_content
        used = await client.call_tool("upload_with_token", {"path": str(picture), "token": bought["token"]})
        other = (await client.call_tool("get_upload_token")).structured_content
        assert await spent(client) == "0.02"
    assert again == bought | {"reused": True}
    assert used.structured_content["url"].startswith(API)
    assert other["token"] != bought["token"]


async def test_a_token_whose_answer_was_lost_still_returns_its_image(wire, picture, sample):
    async with agent(picture.parent, wire, money=money()) as client:
        token = (await client.call_tool("get_upload_token")).structured_content["token"]
        wire.mishaps[PAID] = ["lost"] * 3
        lost = await client.call_tool("upload_with_token", {"path": str(picture), "token": token})
        found = await client.call_tool("upload_with_token", {"path": str(picture), "token": token})
        assert await spent(client) == "0.01"
    assert lost.is_error
    assert found.structured_content["size_bytes"] == len(sample("plain.png"))


async def test_without_a_wallet_the_answer_says_how_to_pay_and_a_token_from_elsewhere_works(wire, picture):
    async with agent(picture.parent, wire, money=Money()) as client:
        token_answer = await client.call_tool("get_upload_token")
        wrong = await client.call_tool("upload_with_token", {"path": str(picture), "token": "f" * 40})
    async with agent(picture.parent, wire, money=money()) as client:
        token = (await client.call_tool("get_upload_token")).structured_content["token"]
    async with agent(picture.parent, wire, money=Money()) as client:
        used = await client.call_tool("upload_with_token", {"path": str(picture), "token": token})
    assert not token_answer.is_error
    assert token_answer.structured_content == {
        "endpoint": f"{API}/api/upload/token",
        "method": "POST",
        "amount_usdc": "0.01",
        "network": "base-sepolia",
        "asset": "0x036CbD53842c5426634e7929541eC2318f3dCF7e",
        "pay_to": PAYEE,
        "next": "Pay the endpoint with any x402 client, such as a payments MCP tool; "
        "then upload_with_token(path, token).",
        "note": "A token buys one upload of up to 2 kB for 365 days. Free uploads (stated): up to 1 MiB for 7 days.",
    }
    assert all(
        str(value) in text(token_answer) for name, value in token_answer.structured_content.items() if name != "method"
    )
    assert "localhost does not accept this token: it is wrong, or it was used for another image." in text(wrong)
    assert used.structured_content["url"].startswith(API)


async def test_a_token_from_elsewhere_whose_answer_is_lost_buys_nothing_and_says_so(wire, picture, sample):
    async with agent(picture.parent, wire, money=money()) as client:
        token = (await client.call_tool("get_upload_token")).structured_content["token"]
    wire.mishaps[PAID] = ["lost"] * 3
    async with agent(picture.parent, wire, money=Money()) as client:
        result = await client.call_tool("upload_with_token", {"path": str(picture), "token": token})
    assert "may have been delivered" in text(result)
    assert "nothing is bought" in text(result)
    assert len(wire.proofs) == 1


async def test_five_files_with_one_token_are_one_payment_and_one_image(wire, picture, sample):
    files = {name: sample(name) for name in ("plain.png", "palette.png", "baseline.jpg", "lossy.webp", "lossless.webp")}
    for name, data in files.items():
        (picture.parent / name).write_bytes(data)
    async with agent(picture.parent, wire, money=money()) as client:
        token = (await client.call_tool("get_upload_token")).structured_content["token"]
        uses = [{"path": str(picture.parent / name), "token": token} for name in files]
        answers = await gather(*(client.call_tool("upload_with_token", use) for use in uses))
        assert await spent(client) == "0.01"
        delivered = {name: result for name, result in zip(files, answers, strict=True) if not result.is_error}
        served = {name: await fetched(wire, each.structured_content["url"]) for name, each in delivered.items()}
    assert len(delivered) == 1
    assert served == {name: files[name] for name in delivered}
    assert all("This token is used, or being used, for another file" in text(each) for each in answers if each.is_error)
    assert len(wire.proofs) == 1


async def test_an_expired_token_past_its_payments_window_buys_nothing_by_itself(tmp_path, picture):
    """The payment is closed by then: using the old token may not make a new one, even if it would be approved."""
    later = timedelta()
    hosted = hosting(tmp_path / "host", SELLING, lambda: datetime.now(UTC) + later)
    async with hosted as wire, uploading(picture.parent, wire, money=money()) as uploader:
        with open_paid_uploader(uploader) as opened:
            paid = replace(opened, payer=replace(opened.payer, now=lambda: time() + later.total_seconds()))
            issued = await paid.token()
            (payment,) = paid.payer.journal.open_payments()
            later = timedelta(days=1)
            await paid.payer.resolve(payment.nonce, presume_unsettled=True)
            with pytest.raises(PaymentRefused, match="is closed; nothing new was paid for this"):
                await paid.upload_with_token(str(picture), issued.token.value)
    assert len(wire.proofs) == 1


@pytest.mark.parametrize(
    "token", ["", "x", "bad\r\nX-Evil: y", "tök" * 20], ids=["empty", "short", "header", "no-ascii"]
)
async def test_an_invalid_token_is_not_sent_and_not_repeated(token, wire, picture):
    async with agent(picture.parent, wire, money=money()) as client:
        result = await client.call_tool("upload_with_token", {"path": str(picture), "token": token})
    assert text(result).endswith("That is not an upload token. Get one with get_upload_token.")
    assert wire.passed == []


@pytest.mark.parametrize(
    "expiry", ['"soon"', "null", '"2026-01-01T00:00:00"', ""], ids=["odd", "null", "past", "absent"]
)
async def test_a_token_with_an_odd_expiry_is_used_and_is_in_no_error(expiry, picture):
    field = f', "expiresAt": {expiry}' if expiry else ""
    token = "deadbeef" * 5

    def answer(request: Request) -> Response:
        answers = {TOKEN: f'{{"token": "{token}"{field}}}', PAID: '{"url": "http://localhost/a.png"}'}
        return Response(200, {}, answers.get(urlsplit(request.url).path, "{}").encode())

    async with agent(picture.parent, InMemory(answer), money=money()) as client:
        result = await client.call_tool("upload_paid", {"path": str(picture)})
    assert result.structured_content["url"] == "http://localhost/a.png"
    assert token not in text(result)
