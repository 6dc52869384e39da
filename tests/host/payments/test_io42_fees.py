"""io42's entry fee: asked for last, paid once for each submission, and never for a refused one."""

from asyncio import gather
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from httpx2 import AsyncClient

from img402_mcp.host.apis.io42.accounts import Io42Accounts
from img402_mcp.wire import x402
from tests.fakes.bank import Bank
from tests.fakes.fixtures import MakeProof, Picture
from tests.fakes.io42_agent import Io42Agent, url_in

Intent = dict[str, object]


@pytest.fixture
def agent(shop: AsyncClient, accounts: Io42Accounts) -> Io42Agent:
    """An agent of a project with a fee of 0.25 USDC and two submissions."""
    key = accounts.add_agent("bot")["key"]
    accounts.add_project("logos", "0.25", "open", "image")
    for submission in ("sub_1", "sub_2"):
        accounts.add_submission(submission, "logos", "bot")
    return Io42Agent(shop, key)


@pytest.fixture
def fee(proof: MakeProof) -> MakeProof:
    """`fee(nonce=1, ...)`: the header that pays 0.25 USDC."""

    def header(value: int = 250_000, **options: Any) -> dict[str, str]:
        identifier = f"pay_0123456789abcdef_{options.get('nonce', 1)}"
        return proof(value=value, accepted={"amount": str(value)}, identifier=identifier, **options)

    return header


@pytest.fixture
def intent(picture: Picture) -> Intent:
    return {"fileName": "logo.png", "fileType": "image/png", "fileSize": len(picture())}


async def test_the_402_is_the_envelope_and_x402s_offer_in_both_versions(agent: Io42Agent, intent: Intent):
    answer = await agent.ask(intent)
    body = answer.json()
    (offer,) = x402.decoded(answer.headers["PAYMENT-REQUIRED"])["accepts"]
    (requirements_v1,) = body.pop("accepts")
    assert answer.status_code == 402
    assert body == {
        "success": False,
        "error": {
            "code": "PAYMENT_REQUIRED",
            "message": "This costs 0.25 USDC on base. Pay with any x402 client: sign the offer, then send this request "
            "again with it.",
        },
        "x402Version": 1,
    }
    assert (offer["amount"], requirements_v1["maxAmountRequired"]) == ("250000", "250000")
    assert requirements_v1["resource"] == "https://i.example/api/agents/projects/logos/submissions/sub_1"
    assert answer.headers["X-RateLimit-Remaining"] == "99"


@pytest.mark.parametrize("version", [1, 2])
async def test_a_paid_fee_gets_the_url_and_a_receipt(
    agent: Io42Agent, intent: Intent, fee: MakeProof, bank: Bank, version: int
):
    answer = await agent.ask(intent, **fee(version=version))
    receipt = x402.SettlementResponse.model_validate(x402.decoded(answer.headers[x402.RECEIPT_HEADERS[version]]))
    assert (answer.status_code, receipt.success, receipt.amount) == (200, True, "250000")
    assert url_in(answer).startswith("https://i.example/uploads/")
    assert [amount for _, _, amount in bank.book] == [250_000]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        pytest.param({"fileType": "image/gif"}, "VALIDATION_ERROR", id="type"),
        pytest.param({"fileSize": 30_000_000}, "VALIDATION_ERROR", id="size"),
        pytest.param({"fileName": "a/b"}, "VALIDATION_ERROR", id="name"),
    ],
)
async def test_a_refused_file_costs_nothing(
    agent: Io42Agent, intent: Intent, fee: MakeProof, bank: Bank, change: dict[str, object], code: str
):
    answer = await agent.ask(intent | change, **fee())
    assert (answer.json()["error"]["code"], bank.verified, bank.settled) == (code, [], [])


async def test_a_closed_project_costs_nothing(
    agent: Io42Agent, intent: Intent, fee: MakeProof, bank: Bank, accounts: Io42Accounts
):
    accounts.change_project("logos", None, "judging", None)
    answer = await agent.ask(intent, **fee())
    assert (answer.json()["error"]["code"], bank.verified) == ("PROJECT_NOT_ACCEPTING", [])


async def test_a_request_without_a_key_never_reaches_the_paywall(
    agent: Io42Agent, intent: Intent, fee: MakeProof, bank: Bank
):
    agent.key = "io42_wrong"
    answer = await agent.ask(intent, **fee())
    assert (answer.status_code, bank.verified) == (401, [])


async def test_the_same_proof_gets_the_live_url_then_a_new_one_then_the_answer_that_it_is_done(
    agent: Io42Agent, intent: Intent, fee: MakeProof, bank: Bank, clock: SimpleNamespace, picture: Picture
):
    first = url_in(await agent.ask(intent, **fee()))
    paid = fee()
    assert url_in(await agent.ask(intent, **paid)) == first
    clock.now += timedelta(minutes=31)
    fresh = url_in(await agent.ask(intent, **paid))
    assert fresh != first
    put = await agent.client.put(fresh, content=picture(), headers={"Content-Type": "image/png"})
    done = await agent.ask(intent, **paid)
    assert (put.status_code, done.status_code) == (200, 409)
    assert done.json()["error"]["code"] == "SUBMISSION_ALREADY_EXISTS"
    assert len(bank.book) == 1


async def test_a_paid_fee_is_never_asked_for_again(agent: Io42Agent, intent: Intent, fee: MakeProof, bank: Bank):
    """An agent that lost the proof, or signed another one, is recognised by its key."""
    first = url_in(await agent.ask(intent, **fee()))
    without, another = await agent.ask(intent), await agent.ask(intent, **fee(nonce=2))
    assert (url_in(without), url_in(another), len(bank.book)) == (first, first, 1)
    assert "PAYMENT-RESPONSE" not in another.headers


async def test_one_proof_pays_for_one_submission(agent: Io42Agent, intent: Intent, fee: MakeProof, bank: Bank):
    await agent.ask(intent, **fee())
    answer = await agent.ask(intent, submission="sub_2", **fee())
    assert (answer.status_code, answer.json()["error"]) == (
        409,
        {
            "code": "PAYMENT_CONFLICT",
            "message": "This payment was already used for something else here; a payment buys only one thing.",
        },
    )
    assert len(bank.book) == 1


async def test_an_uploads_proof_does_not_pay_a_fee_and_a_fees_proof_not_an_upload(
    agent: Io42Agent, intent: Intent, fee: MakeProof, proof: MakeProof, bank: Bank
):
    cheap = await agent.ask(intent, **proof())
    await agent.ask(intent, **fee(nonce=2))
    token = await agent.client.post("/api/upload/token", headers=fee(nonce=2))
    assert (cheap.status_code, cheap.json()["error"]["code"]) == (402, "PAYMENT_FAILED")
    assert (token.status_code, len(bank.book)) == (409, 1)


async def test_five_copies_of_a_proof_are_one_fee_and_one_url(
    agent: Io42Agent, intent: Intent, fee: MakeProof, bank: Bank
):
    answers = await gather(*(agent.ask(intent, **fee()) for _ in range(5)))
    assert (len({url_in(answer) for answer in answers}), len(bank.book)) == (1, 1)


async def test_two_proofs_at_once_are_one_fee(agent: Io42Agent, intent: Intent, fee: MakeProof, bank: Bank):
    answers = await gather(*(agent.ask(intent, **fee(nonce=nonce)) for nonce in (1, 2, 3, 4)))
    assert len(bank.book) == 1
    assert {answer.status_code for answer in answers} <= {200, 503}
    later = [await agent.ask(intent, **fee(nonce=nonce)) for nonce in (1, 2, 3, 4)]
    assert [answer.status_code for answer in later] == [200] * 4
    assert len(bank.book) == 1


async def test_while_a_fee_is_in_flight_no_other_is_accepted_or_asked_for(
    agent: Io42Agent, intent: Intent, fee: MakeProof, bank: Bank
):
    bank.moods = ["unreachable", "unreachable"]
    await agent.ask(intent, **fee())
    other, none = await agent.ask(intent, **fee(nonce=2)), await agent.ask(intent)
    assert [(answer.status_code, answer.json()["error"]["code"]) for answer in (other, none)] == [
        (503, "PAYMENT_PENDING"),
        (503, "PAYMENT_PENDING"),
    ]
    assert other.headers["Retry-After"] == "2"
    bank.moods = []
    assert (await agent.ask(intent, **fee())).status_code == 200
    assert len(bank.book) == 1


async def test_a_refused_payment_makes_room_for_another(agent: Io42Agent, intent: Intent, fee: MakeProof, bank: Bank):
    bank.moods = ["refuses"]
    refused, paid = await agent.ask(intent, **fee()), await agent.ask(intent, **fee(nonce=2))
    assert (refused.status_code, refused.json()["error"]["code"], paid.status_code) == (402, "PAYMENT_FAILED", 200)


async def test_a_payment_in_flight_keeps_the_fee_it_was_made_for(
    agent: Io42Agent, intent: Intent, fee: MakeProof, bank: Bank, accounts: Io42Accounts
):
    bank.moods = ["unreachable"]
    await agent.ask(intent, **fee())
    accounts.change_project("logos", "1", None, None)
    answer = await agent.ask(intent, **fee())
    assert (answer.status_code, [claim.amount for claim in bank.settled]) == (200, [250_000, 250_000])


async def test_an_unreadable_proof_is_refused_in_the_envelope(agent: Io42Agent, intent: Intent):
    answer = await agent.ask(intent, **{"PAYMENT-SIGNATURE": "?"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "PAYMENT_INVALID")


async def test_no_key_and_no_signature_is_stored_or_logged(
    agent: Io42Agent,
    intent: Intent,
    fee: MakeProof,
    data: Any,
    picture: Picture,
    caplog: pytest.LogCaptureFixture,
):
    caplog.set_level("DEBUG")
    granted = url_in(await agent.ask(intent, **fee()))
    await agent.client.put(granted, content=picture(), headers={"Content-Type": "image/png"})
    stored = b"".join(path.read_bytes() for path in data.glob("index.sqlite*"))
    own = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("img402_mcp"))
    for secret in (agent.key, granted.rpartition("=")[2], "11" * 65):
        assert secret.encode() not in stored
        assert secret not in own
