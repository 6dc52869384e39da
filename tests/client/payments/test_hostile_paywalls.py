"""Paywalls that ask for more than is allowed: for each, how many payments were signed and how much could be taken."""

import json
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from img402_mcp.client.http import Request, Response
from img402_mcp.errors import AnswerLost, BadAnswer, Img402Error, PaymentPending, PaymentRefused
from img402_mcp.wire import x402 as wire
from tests.fakes.paywall import asking, offer, recovered

EVIL = "0x" + "66" * 20
ALLOWED = 10_000


@dataclass
class Hostile:
    """Gives its answers in order, then the last one forever, and counts what it could cash."""

    answers: list[Response | Exception]
    proofs: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    urls: list[str] = field(default_factory=list[str])

    async def __call__(self, request: Request) -> Response:
        names = wire.PAYMENT_HEADERS.values()
        self.proofs += [wire.decoded(value) for name, value in request.headers.items() if name in names]
        self.urls.append(request.url)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def authorizations(self) -> dict[str, dict[str, str]]:
        found = [proof["payload"]["authorization"] for proof in self.proofs]
        return {authorization["nonce"]: authorization for authorization in found}

    @property
    def exposed(self) -> int:
        return sum(int(authorization["value"]) for authorization in self.authorizations.values())


async def outcome(payer: Any, hostile: Hostile, request: Request, intent: Any, calls: int = 3) -> list[object]:
    """What a persistent caller gets: an answer's status or the error's type, for each call."""
    got: list[object] = []
    for _ in range(calls):
        try:
            answer, _ = await payer(send=hostile).paid(request, intent)
            got.append(answer.status)
        except Img402Error as error:
            got.append(type(error))
    return got


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"amount": "10001"}, id="more-than-allowed"),
        pytest.param({"amount": "1e4"}, id="exponent"),
        pytest.param({"amount": "-10000"}, id="negative"),
        pytest.param({"amount": "1" + "0" * 80}, id="huge"),
        pytest.param({"amount": str(2**256)}, id="over-uint256"),
        pytest.param({"amount": 0.01}, id="float"),
        pytest.param({"amount": "10000.0"}, id="decimal-point"),
        pytest.param({"amount": "0x2710"}, id="hex"),
        pytest.param({"amount": "10_000"}, id="underscore"),
        pytest.param({"amount": " 10000"}, id="space"),
        pytest.param({"amount": "\uff11\uff10"}, id="full-width-digits"),
        pytest.param({"amount": True}, id="boolean"),
        pytest.param({"amount": "0"}, id="zero"),
        pytest.param({"amount": ["10000"]}, id="list"),
        pytest.param({"amount": None}, id="no-amount"),
        pytest.param({"maxAmountRequired": "1"}, id="both-amount-fields-at-once"),
        pytest.param({"scheme": "upto"}, id="another-scheme"),
        pytest.param({"scheme": None}, id="no-scheme"),
        pytest.param({"network": "eip155:1"}, id="another-chain"),
        pytest.param({"network": "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp"}, id="solana"),
        pytest.param({"network": "eip155:84532", "asset": wire.BASE_SEPOLIA.usdc}, id="a-network-not-allowed"),
        pytest.param({"asset": EVIL}, id="another-asset"),
        pytest.param({"asset": wire.BASE_SEPOLIA.usdc}, id="the-asset-of-another-chain"),
        pytest.param({"extra": {"assetTransferMethod": "permit2"}}, id="permit2"),
        pytest.param({"payTo": "0x" + "0" * 40}, id="money-to-nobody"),
        pytest.param({"payTo": "vitalik.eth"}, id="payee-by-name"),
        pytest.param({"payTo": "0x66"}, id="short-payee"),
        pytest.param({"maxTimeoutSeconds": 9}, id="no-time-to-settle"),
        pytest.param({"maxTimeoutSeconds": -1}, id="negative-timeout"),
        pytest.param({"maxTimeoutSeconds": "3e2"}, id="timeout-in-another-notation"),
        pytest.param({"payTo": "0x209693bc6afc0C5328bA36FaF03C514EF312287C"}, id="payee-mistyped"),
        pytest.param({"payTo": "0x" + "0" * 40}, id="payee-nobody"),
        pytest.param({"payTo": "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"}, id="payee-the-token-itself"),
    ],
)
async def test_a_payment_that_is_not_allowed_is_never_signed(payer, journal, intent, request_of_token, changes):
    hostile = Hostile([asking(offer(**changes))])
    assert await outcome(payer, hostile, request_of_token, intent) == [PaymentRefused] * 3
    assert (hostile.authorizations, hostile.exposed, journal.spent()) == ({}, 0, 0)


@pytest.mark.parametrize(
    ("after", "got"),
    [
        pytest.param("dearer", PaymentPending, id="price-raised-between-look-and-pay"),
        pytest.param("other-payee", PaymentPending, id="payee-swapped-between-look-and-pay"),
        pytest.param("same", PaymentPending, id="a-second-402-for-ever"),
        pytest.param("500", PaymentPending, id="5xx-after-settling-for-ever"),
        pytest.param("hang", PaymentPending, id="hang-after-payment"),
        pytest.param("too-large", PaymentPending, id="ten-megabytes"),
        pytest.param("redirect", 307, id="redirect-after-payment"),
        pytest.param("html", 200, id="html-with-200"),
        pytest.param("nonsense-receipt", 200, id="a-receipt-of-nonsense"),
    ],
)
async def test_one_payment_is_all_that_can_be_taken_however_often_the_caller_tries(
    payer, journal, intent, request_of_token, after, got
):
    answers: dict[str, Response | Exception] = {
        "dearer": asking(offer(amount="9999999")),
        "other-payee": asking(offer(payTo=EVIL)),
        "same": asking(offer()),
        "500": Response(500, {}, b""),
        "hang": AnswerLost("no answer in time"),
        "too-large": BadAnswer("more than 1,048,576 bytes"),
        "redirect": Response(307, {"location": "https://evil.example/"}, b""),
        "html": Response(200, {"content-type": "text/html"}, b"<html>"),
        "nonsense-receipt": Response(200, {"payment-response": "e30", "x-payment-response": "%%%"}, b"{}"),
    }
    hostile = Hostile([asking(offer()), answers[after]])
    assert await outcome(payer, hostile, request_of_token, intent) == [got] * 3
    assert (len(hostile.authorizations), hostile.exposed, journal.spent()) == (1, ALLOWED, ALLOWED)
    assert {*hostile.urls} == {request_of_token.url}


async def test_a_ten_year_window_is_cut_to_ten_minutes(payer, clock, intent, request_of_token):
    hostile = Hostile([asking(offer(maxTimeoutSeconds=315_360_000)), Response(200, {}, b"{}")])
    await outcome(payer, hostile, request_of_token, intent)
    (authorization,) = hostile.authorizations.values()
    assert (int(authorization["validAfter"]), int(authorization["validBefore"])) == (
        int(clock.now()) - 600,
        int(clock.now()) + 600,
    )


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"name": "Tether USD", "version": "9"}, id="another-token-s-name"),
        pytest.param(
            {"name": "USD Coin", "version": "2", "chainId": 1, "verifyingContract": EVIL}, id="more-of-a-domain"
        ),
    ],
)
async def test_the_domain_that_is_signed_is_ours(payer, wallet, intent, request_of_token, changes):
    hostile = Hostile([asking(offer(extra=changes)), Response(200, {}, b"{}")])
    await outcome(payer, hostile, request_of_token, intent)
    payload = wire.ExactPayload.model_validate(hostile.proofs[0]["payload"])
    assert recovered(payload, wire.BASE) == wallet.address


async def test_only_the_cheaper_of_two_offers_is_paid(payer, intent, request_of_token):
    offers = [offer(amount="9999"), offer(amount="7"), offer(amount="1", asset=EVIL)]
    hostile = Hostile([asking(*offers), Response(200, {}, b"{}")])
    await outcome(payer, hostile, request_of_token, intent)
    assert (len(hostile.authorizations), hostile.exposed, hostile.proofs[0]["accepted"]) == (1, 7, offers[1])


async def test_the_payee_of_the_first_payment_is_kept(payer, clock, journal, intent, request_of_token):
    honest = Hostile([asking(offer()), Response(200, {}, b"{}")])
    _, payment = await payer(send=honest).paid(request_of_token, intent)
    journal.used(payment.nonce, clock.now(), "{}")
    hostile = Hostile([asking(offer(payTo=EVIL))])
    with pytest.raises(PaymentRefused) as caught:
        await payer(send=hostile).paid(request_of_token, intent)
    assert str(caught.value) == (
        "api.example asks for a payment that was not made; nothing was signed. It wants the money sent to "
        f"{EVIL}, but {payment.pay_to} was paid the first time. If you know from its operator that the payee has "
        f'changed, set IMG402_PAY_TO={EVIL}. Its own words: "Payment required"'
    )
    assert hostile.exposed == 0


async def test_an_offer_that_names_anothers_resource_is_paid_to_the_called_origin(payer, intent, request_of_token):
    """The resource is a label that nothing signs: the proof goes to the origin that was called."""
    swapped = asking(offer(), resource={"url": "https://bank.example/"})
    hostile = Hostile([swapped, Response(200, {}, b"{}")])
    await outcome(payer, hostile, request_of_token, intent)
    assert (len(hostile.authorizations), hostile.exposed, {*hostile.urls}) == (1, ALLOWED, {request_of_token.url})


async def test_the_daily_budget_stops_a_drain_by_many_intents(payer, intent, request_of_token):
    hostile = Hostile([answer for _ in range(120) for answer in (asking(offer()), Response(200, {}, b"{}"))])
    policy = replace(payer().policy, daily_budget=50_000)
    refused = 0
    for number in range(8):
        try:
            await payer(send=hostile, policy=policy).paid(request_of_token, replace(intent, source=f"{number}"))
        except PaymentRefused as error:
            refused += "0.05 of the 0.05 allowed in 24 hours is signed already" in str(error)
            hostile.answers.pop(0)
    assert (len(hostile.authorizations), hostile.exposed, refused) == (5, 50_000, 3)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Response(402, {}, b""), id="nothing"),
        pytest.param(Response(402, {}, b"<html>" * 100_000), id="html"),
        pytest.param(Response(402, {}, b"[" * 500_000), id="deep"),
        pytest.param(
            Response(402, {}, b'{"accepts": ' + b"9" * 100_000 + b"}"), id="a-number-of-a-hundred-thousand-digits"
        ),
        pytest.param(
            Response(402, {}, json.dumps({"x402Version": 1, "accepts": [{}] * 50_000}).encode()), id="50000-offers"
        ),
        pytest.param(Response(402, {"payment-required": "A" * 1_000_000}, b""), id="a-megabyte-of-header"),
        pytest.param(Response(402, {"payment-required": "é=_-"}, b"\xff\xfe"), id="no-base64"),
        pytest.param(
            Response(402, {}, b'{"x402Version": 1, "accepts": {"scheme": "exact"}}'), id="offers-as-an-object"
        ),
        pytest.param(
            Response(402, {}, b'{"x402Version": 1, "accepts": [NaN, null, "x", [[]]]}'), id="offers-of-anything"
        ),
    ],
)
async def test_a_nonsensical_402_is_refused_briefly(payer, intent, request_of_token, answer):
    hostile = Hostile([answer])
    with pytest.raises(PaymentRefused) as caught:
        await payer(send=hostile).paid(request_of_token, intent)
    assert len(str(caught.value)) < 500
    assert hostile.exposed == 0


@pytest.mark.parametrize(
    ("url", "paid"),
    [
        pytest.param("http://127.0.0.1:4020", 1, id="loopback"),
        pytest.param("http://[::1]:4020", 1, id="loopback-6"),
        pytest.param("http://localhost", 1, id="localhost"),
        pytest.param("http://api.example", 0, id="plain-http"),
        pytest.param("http://127.0.0.1.evil.example", 0, id="looks-like-loopback"),
        pytest.param("http://localhost.evil.example", 0, id="looks-like-localhost"),
        pytest.param("http://10.0.0.1", 0, id="another-machine-near-by"),
    ],
)
async def test_over_plain_http_only_this_machine_is_paid(payer, intent, url, paid):
    hostile = Hostile([asking(offer()), Response(200, {}, b"{}")])
    await outcome(payer, hostile, Request("POST", url + "/x"), replace(intent, origin=url), calls=1)
    assert len(hostile.authorizations) == paid
