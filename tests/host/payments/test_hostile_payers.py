"""Attacks on a payee: none of them gets a token, an image or somebody's money twice."""

import json
from base64 import b64encode
from typing import Any

import pytest
from httpx2 import AsyncClient

from img402_mcp.wire import x402
from tests.fakes.fixtures import MakeProof, Sample
from tests.fakes.keys import PAYEE

SOMEBODY = "0x" + "99" * 20
NOW = 1_770_552_000  # the test's clock
WRONG_OFFER = f"The proof is for another offer; this one asks for 0.01 USDC on base to {PAYEE}."


@pytest.mark.parametrize("path", ["/api/upload/token", "/api/upload"])
@pytest.mark.parametrize(
    ("version", "changed", "reason", "message"),
    [
        pytest.param(
            1,
            {"value": 9999},
            "invalid_exact_evm_payload_authorization_value_mismatch",
            "It pays 9999 atomic units; the price is 0.01 USDC on base, which is exactly 10000.",
            id="underpaid",
        ),
        pytest.param(
            1,
            {"value": 10001},
            "invalid_exact_evm_payload_authorization_value_mismatch",
            "It pays 10001 atomic units; the price is 0.01 USDC on base, which is exactly 10000.",
            id="overpaid",
        ),
        pytest.param(
            1,
            {"to": SOMEBODY},
            "invalid_exact_evm_payload_recipient_mismatch",
            f"It pays {SOMEBODY}; the payee is {PAYEE}.",
            id="another-recipient",
        ),
        pytest.param(
            1,
            {"valid_before": NOW},
            "invalid_exact_evm_payload_authorization_valid_before",
            "The proof has expired; nothing was charged.",
            id="expired",
        ),
        pytest.param(2, {"accepted": {"amount": "1"}}, "invalid_payment_requirements", WRONG_OFFER, id="offer-of-less"),
        pytest.param(
            2, {"accepted": {"payTo": SOMEBODY}}, "invalid_payment_requirements", WRONG_OFFER, id="offer-to-another"
        ),
        pytest.param(
            2,
            {"accepted": {"network": "eip155:84532"}},
            "invalid_payment_requirements",
            WRONG_OFFER,
            id="offer-on-a-test-network",
        ),
        pytest.param(
            2,
            {"accepted": {"asset": SOMEBODY}},
            "invalid_payment_requirements",
            WRONG_OFFER,
            id="offer-in-another-coin",
        ),
        pytest.param(
            2, {"accepted": {"scheme": "upto"}}, "invalid_payment_requirements", WRONG_OFFER, id="another-scheme"
        ),
        pytest.param(
            2, {"accepted": {"amount": None}}, "invalid_payment_requirements", WRONG_OFFER, id="offer-of-nothing"
        ),
        pytest.param(
            2,
            {"value": 9999},
            "invalid_exact_evm_payload_authorization_value_mismatch",
            "It pays 9999 atomic units; the price is 0.01 USDC on base, which is exactly 10000.",
            id="right-offer-underpaid",
        ),
    ],
)
async def test_a_proof_that_does_not_match_the_offer_is_refused_before_the_facilitator_is_asked(
    shop: AsyncClient,
    sample: Sample,
    proof: MakeProof,
    bank,
    path: str,
    version: int,
    changed: dict[str, Any],
    reason: str,
    message: str,
):
    answer = await shop.post(path, headers=proof(version, **changed), files={"image": sample("plain.png")})
    assert (answer.status_code, answer.json()["error"], answer.json()["message"]) == (402, reason, message)
    assert answer.json()["accepts"][0]["maxAmountRequired"] == "10000"
    assert x402.decoded(answer.headers["PAYMENT-REQUIRED"])["error"] == reason
    receipt = x402.decoded(answer.headers[x402.RECEIPT_HEADERS[version]])
    assert (receipt["success"], receipt["errorReason"]) == (False, reason)
    assert (bank.verified, bank.settled) == ([], [])


async def test_a_proof_that_does_not_match_the_offer_is_refused_before_the_image_is_read(
    shop: AsyncClient, proof: MakeProof
):
    assert (await shop.post("/api/upload", headers=proof(value=1), content=b"no image")).status_code == 402


async def test_a_payment_on_another_network_is_refused(shop: AsyncClient, proof: MakeProof, bank):
    message = x402.decoded(proof(1)["X-PAYMENT"]) | {"network": "base-sepolia"}
    answer = await shop.post("/api/upload/token", headers={"X-PAYMENT": x402.encoded(message)})
    assert (answer.status_code, answer.json()["message"], bank.verified) == (402, WRONG_OFFER, [])


async def test_what_the_facilitator_refuses_is_not_reserved(shop: AsyncClient, proof: MakeProof, bank):
    bank.broke = True
    assert (await shop.post("/api/upload/token", headers=proof())).json()["error"] == "insufficient_funds"
    bank.broke = False
    assert (await shop.post("/api/upload/token", headers=proof())).status_code == 200
    assert len(bank.settled) == 1


def unreadable(header: str, why: str) -> tuple[int, dict[str, str]]:
    message = f"The header {header} does not hold a readable proof of payment: {why}."
    return 400, {"error": "invalid_payment", "message": message}


def tampered(**changed: object) -> str:
    authorization = {
        "from": SOMEBODY,
        "to": PAYEE,
        "value": "10000",
        "validAfter": "0",
        "validBefore": "9999999999",
        "nonce": "0x" + "00" * 32,
    }
    payload = {"signature": "0x" + "11" * 65, "authorization": authorization | changed}
    return x402.encoded({"x402Version": 1, "scheme": "exact", "network": "base", "payload": payload})


NOT_AS_V1 = "its field payload.authorization.{} is missing or not as in x402 v1"


@pytest.mark.parametrize(
    ("value", "why"),
    [
        pytest.param("", "the header is not base64 of JSON", id="empty"),
        pytest.param("%%%", "the header is not base64 of JSON", id="no-base64"),
        pytest.param("A" * 70_000, "the header is too long", id="huge"),
        pytest.param(b64encode(b"[]").decode(), "the header holds no JSON object", id="a-list"),
        pytest.param(b64encode(b"[" * 20_000).decode(), "the header is not base64 of JSON", id="deep"),
        pytest.param(
            b64encode(b"{}").decode(), "its field network is missing or not as in x402 v1", id="nothing-in-it"
        ),
        pytest.param(tampered(value="1e4"), NOT_AS_V1.format("value"), id="value-1e4"),
        pytest.param(tampered(value="0x2710"), NOT_AS_V1.format("value"), id="value-hex"),
        pytest.param(tampered(value="-10000"), NOT_AS_V1.format("value"), id="value-negative"),
        pytest.param(tampered(value=10000.0), NOT_AS_V1.format("value"), id="value-float"),
        pytest.param(tampered(value=True), NOT_AS_V1.format("value"), id="value-true"),
        pytest.param(tampered(nonce="0x00"), NOT_AS_V1.format("nonce"), id="short-nonce"),
        pytest.param(tampered(**{"from": "0x1"}), NOT_AS_V1.format("from"), id="short-payer"),
        pytest.param(tampered(to=None), NOT_AS_V1.format("to"), id="no-recipient"),
    ],
)
async def test_a_malformed_proof_is_a_bad_request_and_no_new_offer(shop: AsyncClient, bank, value: str, why: str):
    answer = await shop.post("/api/upload/token", headers={"X-PAYMENT": value})
    assert (answer.status_code, answer.json()) == unreadable("X-PAYMENT", why)
    assert (bank.verified, "payment-required" in answer.headers) == ([], False)


@pytest.mark.parametrize("identifier", ["short", "x" * 129, "with a space inside", 7], ids=repr)
async def test_a_malformed_identifier_is_a_bad_request(shop: AsyncClient, proof: MakeProof, bank, identifier):
    message = x402.decoded(proof()["PAYMENT-SIGNATURE"])
    message["extensions"]["payment-identifier"]["info"]["id"] = identifier
    answer = await shop.post("/api/upload/token", headers={"PAYMENT-SIGNATURE": x402.encoded(message)})
    why = "its payment-identifier must be 16 to 128 letters, digits, - and _"
    assert (answer.status_code, answer.json()) == unreadable("PAYMENT-SIGNATURE", why)
    assert bank.verified == []


async def test_the_facilitator_gets_our_offer_and_only_fields_that_were_checked(
    shop: AsyncClient, proof: MakeProof, bank
):
    message = x402.decoded(proof()["PAYMENT-SIGNATURE"])
    message["payload"]["permit2Authorization"] = {"spender": SOMEBODY}
    message["payload"]["authorization"]["spender"] = SOMEBODY
    message["accepted"]["extra"] = {"name": "Other Coin", "assetTransferMethod": "permit2"}
    message["paymentRequirements"] = {"payTo": SOMEBODY}
    assert (
        await shop.post("/api/upload/token", headers={"PAYMENT-SIGNATURE": x402.encoded(message)})
    ).status_code == 200
    (claim,) = bank.settled
    assert claim.document["accepted"] == claim.requirements
    assert claim.requirements["extra"] == {"name": "USD Coin", "version": "2"}
    assert sorted(claim.document) == ["accepted", "payload", "x402Version"]
    assert SOMEBODY not in json.dumps([claim.document, claim.requirements])


@pytest.mark.parametrize("version", [1, 2])
async def test_a_proof_is_forwarded_in_its_own_version(shop: AsyncClient, proof: MakeProof, bank, version: int):
    await shop.post("/api/upload/token", headers=proof(version))
    (claim,) = bank.settled
    assert (claim.document["x402Version"], claim.version) == (version, version)
    assert ("maxAmountRequired" in claim.requirements, "amount" in claim.requirements) == (version == 1, version == 2)


async def test_a_payment_for_the_token_route_opens_the_upload_route_once(
    shop: AsyncClient, sample: Sample, proof: MakeProof, bank
):
    await shop.post("/api/upload/token", headers=proof())
    image = await shop.post("/api/upload", headers=proof(), files={"image": sample("plain.png")})
    token = await shop.post("/api/upload/token", headers=proof())
    assert (image.status_code, token.json()) == (200, image.json())
    assert len(bank.book) == 1


async def test_the_resource_of_a_proof_is_not_compared(shop: AsyncClient, proof: MakeProof):
    """A v1 proof has none, and that of a v2 proof is not signed."""
    message = x402.decoded(proof()["PAYMENT-SIGNATURE"]) | {"resource": {"url": "https://elsewhere.example"}}
    answer = await shop.post("/api/upload/token", headers={"PAYMENT-SIGNATURE": x402.encoded(message)})
    assert answer.status_code == 200


async def test_no_proxy_may_cache_a_paid_answer(shop: AsyncClient, sample: Sample, proof: MakeProof):
    headers = proof()
    answers = [
        await shop.post("/api/upload/token"),
        await shop.post("/api/upload/token", headers=headers),
        await shop.post("/api/upload/token", headers=proof(1)),
        await shop.post("/api/upload/token", headers={"X-PAYMENT": "x"}),
        await shop.post("/api/upload", headers=headers, files={"image": sample("plain.png")}),
    ]
    assert [answer.status_code for answer in answers] == [402, 200, 409, 400, 200]
    assert {answer.headers["cache-control"] for answer in answers} == {"no-store"}
