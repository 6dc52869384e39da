"""Buying a token or an image: the answers of docs/specs/img402.md."""

import base64
import json
import re
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from httpx2 import ASGITransport, AsyncClient, Response

from img402_mcp.host.app import create_app
from img402_mcp.host.settings import HostSettings
from img402_mcp.wire import x402
from tests.fakes.bank import Bank
from tests.fakes.fixtures import Hosting, MakeProof, Names, Sample
from tests.fakes.keys import ADDRESS, PAYEE
from tests.fakes.uploads import upload_paid

URL = "https://i.example"
USDC = "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"
TERMS = "PNG, JPEG, GIF, WebP; at most 5242880 bytes (5 MB), kept for 365 days."
RECEIPTS = {1: "X-PAYMENT-RESPONSE", 2: "PAYMENT-RESPONSE"}


def status_and_body(response: Response) -> tuple[int, Any]:
    return response.status_code, response.json()


async def buy(client: AsyncClient, proof: dict[str, str]) -> Response:
    return await client.post("/api/upload/token", headers=proof)


@pytest.fixture
async def token(shop: AsyncClient, proof: MakeProof) -> str:
    return str((await buy(shop, proof())).json()["token"])


async def test_without_a_proof_the_offer_comes_in_both_versions(shop: AsyncClient):
    response = await shop.post("/api/upload/token")
    description = (
        "0.01 USDC on base for a token that uploads one image within 10 minutes. No request body is needed. Then: "
        f"curl -X POST https://i.example/api/upload -H 'X-Upload-Token: TOKEN' -F image=@file.png. {TERMS}"
    )
    output = {
        "type": "json",
        "example": {"token": "a1b2c3d4e5f6a1b2c3d4e5f6a1b2c3d4e5f6a1b2", "expiresAt": "2026-02-08T01:10:00.000Z"},
    }
    sent = {"type": "http", "method": "POST", "bodyType": "json", "body": {}}
    common = {
        "scheme": "exact",
        "asset": USDC,
        "payTo": PAYEE,
        "maxTimeoutSeconds": 300,
        "extra": {"name": "USD Coin", "version": "2"},
    }
    assert status_and_body(response) == (
        402,
        {
            "x402Version": 1,
            "error": "payment_required",
            "message": "This costs 0.01 USDC on base. Pay with any x402 client: sign the offer, then send this request "
            "again with it.",
            "accepts": [
                {
                    **common,
                    "network": "base",
                    "maxAmountRequired": "10000",
                    "resource": "https://i.example/api/upload/token",
                    "description": description,
                    "mimeType": "application/json",
                    "outputSchema": {"input": {**sent, "discoverable": True}, "output": output},
                }
            ],
        },
    )
    offer = x402.decoded(response.headers["PAYMENT-REQUIRED"])
    identifier, bazaar = offer["extensions"].pop("payment-identifier"), offer["extensions"].pop("bazaar")
    assert offer == {
        "x402Version": 2,
        "error": "payment_required",
        "resource": {
            "url": "https://i.example/api/upload/token",
            "description": description,
            "mimeType": "application/json",
        },
        "accepts": [{**common, "network": "eip155:8453", "amount": "10000"}],
        "extensions": {},
    }
    assert identifier["info"] == {"required": False}
    assert bazaar["info"] == {"input": sent, "output": output}
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("version", [1, 2])
async def test_a_payment_buys_a_token(shop: AsyncClient, proof: MakeProof, version: int):
    response = await buy(shop, proof(version))
    assert status_and_body(response) == (
        200,
        {"token": response.json()["token"], "expiresAt": "2026-02-08T12:10:00.123Z"},
    )
    assert re.fullmatch("[0-9a-f]{40}", response.json()["token"])
    assert x402.decoded(response.headers[RECEIPTS[version]]) == {
        "success": True,
        "transaction": "0xabc",
        "network": {1: "base", 2: "eip155:8453"}[version],
        "payer": ADDRESS,
        "amount": "10000",
    }
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("kind", ["multipart", "json"])
async def test_a_token_uploads_one_image_for_a_year(shop: AsyncClient, sample: Sample, token: str, kind: str):
    image = sample("plain.png")
    body = {"files": {"image": image}} if kind == "multipart" else {"json": {"file": base64.b64encode(image).decode()}}
    response = await shop.post("/api/upload", headers={"X-Upload-Token": token}, **body)
    name = response.json()["id"]
    assert status_and_body(response) == (
        200,
        {
            "url": f"https://i.example/{name}.png",
            "id": name,
            "contentType": "image/png",
            "sizeBytes": len(image),
            "expiresAt": "2027-02-08T12:01:00.000Z",
            "deleteUrl": response.json()["deleteUrl"],
        },
    )
    served = await shop.get(f"/{name}.png")
    assert (served.content, served.headers["cache-control"]) == (image, "public, max-age=31536000, immutable")


async def test_a_paid_image_is_served_until_its_expiry(
    shop: AsyncClient, sample: Sample, token: str, clock: SimpleNamespace
):
    url = (await upload_paid(shop, sample("plain.png"), {"X-Upload-Token": token})).json()["url"]
    clock.now += timedelta(days=364)
    assert (await shop.get(url)).headers["cache-control"] == "public, max-age=86459, immutable"
    clock.now += timedelta(days=1, minutes=1)
    assert (await shop.get(url)).status_code == 404


@pytest.mark.parametrize("version", [1, 2])
async def test_a_payment_buys_an_image_at_once(shop: AsyncClient, sample: Sample, proof: MakeProof, version: int):
    response = await upload_paid(shop, sample("plain.png"), proof(version))
    assert (response.status_code, response.json()["contentType"]) == (200, "image/png")
    assert x402.decoded(response.headers[RECEIPTS[version]])["transaction"] == "0xabc"


async def test_the_inline_offer_says_how_to_call_it(shop: AsyncClient):
    offer = x402.decoded((await shop.post("/api/upload")).headers["PAYMENT-REQUIRED"])
    assert offer["resource"]["url"] == "https://i.example/api/upload"
    assert offer["extensions"]["bazaar"]["info"]["input"]["body"] == {"file": "<base64>"}


async def test_the_same_payment_gets_the_same_token_and_once_used_its_image(
    shop: AsyncClient, sample: Sample, proof: MakeProof, bank
):
    bought = await buy(shop, proof())
    assert status_and_body(await buy(shop, proof())) == status_and_body(bought)
    image = await upload_paid(shop, sample("plain.png"), {"X-Upload-Token": bought.json()["token"]})
    for again in (
        await buy(shop, proof()),
        await upload_paid(shop, sample("plain.png"), proof()),
        await upload_paid(shop, sample("still.gif"), proof()),
        await upload_paid(shop, sample("plain.png"), {"X-Upload-Token": bought.json()["token"]}),
    ):
        assert status_and_body(again) == status_and_body(image)
    assert len(bank.settled) == len(bank.book) == 1


async def test_a_payment_is_the_same_in_either_version(shop: AsyncClient, proof: MakeProof, bank):
    assert status_and_body(await buy(shop, proof(2, identifier=None))) == status_and_body(await buy(shop, proof(1)))
    assert len(bank.book) == 1


async def test_two_payments_get_two_tokens(shop: AsyncClient, proof: MakeProof):
    first, second = await buy(shop, proof()), await buy(shop, proof(nonce=2, identifier="pay_fedcba9876543210"))
    assert first.json()["token"] != second.json()["token"]


async def test_an_expired_unused_token_is_replaced_for_the_same_payment(
    shop: AsyncClient, sample: Sample, proof: MakeProof, clock: SimpleNamespace, bank
):
    paid = proof()
    first = (await buy(shop, paid)).json()["token"]
    clock.now += timedelta(minutes=10)
    assert status_and_body(await upload_paid(shop, sample("plain.png"), {"X-Upload-Token": first})) == (
        401,
        {
            "error": "token_expired",
            "message": "The token has expired unused. Send the same proof of payment to /api/upload/token again for "
            "a new one.",
        },
    )
    second = (await buy(shop, paid)).json()
    assert (second["token"] != first, second["expiresAt"]) == (True, "2026-02-08T12:20:00.123Z")
    image = await upload_paid(shop, sample("plain.png"), {"X-Upload-Token": second["token"]})
    assert image.status_code == 200
    assert status_and_body(await upload_paid(shop, sample("plain.png"), {"X-Upload-Token": first})) == status_and_body(
        image
    )
    assert len(bank.book) == 1


async def test_a_used_token_takes_no_other_image(
    shop: AsyncClient, sample: Sample, token: str, rows: Names, on_disk: Names
):
    await upload_paid(shop, sample("plain.png"), {"X-Upload-Token": token})
    assert status_and_body(await upload_paid(shop, sample("still.gif"), {"X-Upload-Token": token})) == (
        401,
        {"error": "invalid_token", "message": "This payment has already bought its one image."},
    )
    assert len(rows()) == len(on_disk()) == 1


@pytest.mark.parametrize("value", ["a" * 40, "x", "\x00", "' OR 1=1"], ids=["unknown", "short", "nul", "sql"])
async def test_an_unknown_token_is_invalid(shop: AsyncClient, sample: Sample, token: str, value: str):
    assert status_and_body(await upload_paid(shop, sample("plain.png"), {"X-Upload-Token": value})) == (
        401,
        {
            "error": "invalid_token",
            "message": "This host has issued no such token. Get one at /api/upload/token.",
        },
    )


REFUSED_IMAGES = [
    pytest.param({"files": {"image": b""}}, "empty_file", id="empty"),
    pytest.param({"files": {"image": b"%PDF-1.7"}}, "unsupported_format", id="pdf"),
    pytest.param({"files": {"image": b"\x89PNG\r\n\x1a\n" + b"x" * 6_000_000}}, "file_too_large", id="large"),
    pytest.param({"content": b""}, "no_file", id="no-body"),
    pytest.param({"files": {"file": b"x"}}, "no_file", id="wrong-field"),
]


@pytest.mark.parametrize(("body", "code"), REFUSED_IMAGES)
async def test_a_refused_image_does_not_burn_the_token(
    shop: AsyncClient, sample: Sample, token: str, on_disk: Names, body: dict[str, Any], code: str
):
    response = await shop.post("/api/upload", headers={"X-Upload-Token": token}, **body)
    assert (response.status_code, response.json()["error"]) == (400, code)
    assert on_disk() == []
    assert (await upload_paid(shop, sample("plain.png"), {"X-Upload-Token": token})).status_code == 200


@pytest.mark.parametrize(("body", "code"), REFUSED_IMAGES)
async def test_a_refused_image_costs_nothing(
    shop: AsyncClient, proof: MakeProof, bank, on_disk: Names, body: dict[str, Any], code: str
):
    response = await shop.post("/api/upload", headers=proof(), **body)
    assert (response.status_code, response.json()["error"]) == (400, code)
    assert (bank.verified, bank.settled, on_disk()) == ([], [], [])


async def test_a_refusal_shows_a_command_that_works_here(shop: AsyncClient, token: str):
    response = await shop.post("/api/upload", headers={"X-Upload-Token": token})
    how = "curl -X POST https://i.example/api/upload -H 'X-Upload-Token: TOKEN' -F image=@screenshot.png"
    assert how in response.json()["message"]


async def test_an_expired_image_is_reported_and_not_sold_again(
    shop: AsyncClient, sample: Sample, proof: MakeProof, clock: SimpleNamespace, bank
):
    paid = proof()
    token = (await buy(shop, paid)).json()["token"]
    await upload_paid(shop, sample("plain.png"), {"X-Upload-Token": token})
    clock.now += timedelta(days=366)
    assert status_and_body(await buy(shop, paid)) == (
        409,
        {"error": "payment_conflict", "message": "The image that this payment bought has expired or was deleted."},
    )
    assert (await upload_paid(shop, sample("plain.png"), {"X-Upload-Token": token})).status_code == 401
    assert len(bank.book) == 1


@pytest.mark.parametrize("path", ["/api/upload", "/api/upload/token", "/.well-known/x402"])
async def test_without_a_payee_the_paid_routes_name_the_setting(client: AsyncClient, path: str):
    response = await client.request("GET" if "well-known" in path else "POST", path)
    assert status_and_body(response) == (
        404,
        {
            "error": "not_found",
            "message": "This host accepts no payments: IMG402_HOST_PAY_TO is not set. Free uploads go to /api/free.",
        },
    )


@pytest.mark.parametrize("path", ["/api/upload", "/api/upload/token"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT"])
async def test_only_a_post_is_charged(shop: AsyncClient, proof: MakeProof, bank, path: str, method: str):
    assert (await shop.request(method, path, headers=proof())).status_code == 405
    assert bank.verified == []


async def test_browsers_may_pay_too(shop: AsyncClient, proof: MakeProof):
    asked = await shop.options("/api/upload")
    assert (asked.status_code, asked.headers["access-control-allow-headers"]) == (
        204,
        "Content-Type, X-Upload-Token, X-PAYMENT, PAYMENT-SIGNATURE",
    )
    for response in (await shop.post("/api/upload/token"), await buy(shop, proof())):
        assert "PAYMENT-RESPONSE" in response.headers["access-control-expose-headers"]
        assert response.headers["access-control-allow-origin"] == "*"


async def test_the_terms_are_settings(selling: Hosting, sample: Sample, proof: MakeProof):
    environ = {
        "IMG402_HOST_PRICE": "0.25",
        "IMG402_HOST_PAID_DAYS": "0",
        "IMG402_HOST_PAID_MAX_BYTES": "1217",
        "IMG402_HOST_TOKEN_MINUTES": "1",
    }
    async with selling(**environ) as client:
        asked = await client.post("/api/upload/token")
        assert asked.json()["accepts"][0]["maxAmountRequired"] == "250000"
        assert "at most 1217 bytes (1.188 KB), kept for good." in asked.json()["accepts"][0]["description"]
        bought = await buy(client, proof(value=250_000, accepted={"amount": "250000"}))
        assert bought.json()["expiresAt"] == "2026-02-08T12:01:00.123Z"
        headers = {"X-Upload-Token": bought.json()["token"]}
        assert (await upload_paid(client, sample("plain.png") + b"x", headers)).json()["error"] == "file_too_large"
        assert (await upload_paid(client, sample("plain.png"), headers)).json()["expiresAt"] is None


async def test_no_token_and_no_proof_is_stored_in_the_clear(
    shop: AsyncClient, sample: Sample, proof: MakeProof, data, caplog
):
    caplog.set_level("INFO")
    token = (await buy(shop, proof())).json()["token"]
    await upload_paid(shop, sample("plain.png"), {"X-Upload-Token": token})
    stored = b"".join(path.read_bytes() for path in data.glob("index.sqlite*"))
    for secret in (token, "11" * 65, "pay_0123456789abcdef"):
        assert secret.encode() not in stored
        assert secret not in caplog.text
    note = [record.getMessage() for record in caplog.records if record.name == "img402_mcp.host.payments"]
    assert note == [f'payment settled: payer {ADDRESS.lower()} nonce 0x{1:064x} ("0xabc")']


async def test_json_answers_are_json(shop: AsyncClient):
    response = await shop.post("/api/upload/token")
    assert json.loads(response.content) == response.json()
    assert response.headers["content-type"] == "application/json"


async def test_a_proof_that_is_not_valid_yet_is_refused_without_asking_anyone(
    shop: AsyncClient, proof: MakeProof, bank, clock
):
    later = int(clock.now.timestamp()) + 600
    answer = await shop.post("/api/upload", headers=proof(valid_after=later, valid_before=later + 300))
    reason = "invalid_exact_evm_payload_authorization_valid_after"
    assert (answer.status_code, answer.json()["error"], bank.verified) == (402, reason, [])


async def test_each_attempt_to_settle_is_counted_by_its_outcome(
    paid_settings: Callable[..., HostSettings], clock: SimpleNamespace, bank: Bank, proof: MakeProof
):
    counting = paid_settings(IMG402_HOST_METRICS="127.0.0.1:9402")
    app = create_app(counting, now=lambda: clock.now, facilitator=bank)
    bank.moods = ["refuses", "unreachable"]
    async with app.router.lifespan_context(app), AsyncClient(transport=ASGITransport(app), base_url=URL) as client:
        proofs = [proof(nonce=nonce, identifier=f"pay_{nonce:020}") for nonce in (1, 2, 3)]
        answers = [await buy(client, each) for each in proofs]
    counted = {
        outcome: app.state.metrics.registry.get_sample_value("img402_payments_total", {"outcome": outcome})
        for outcome in ("refused", "undecided", "settled")
    }
    assert [answer.status_code for answer in answers] == [402, 503, 200]
    assert counted == {"refused": 1, "undecided": 1, "settled": 1}
