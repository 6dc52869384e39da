"""Play money is checked like real money, and is named as play money everywhere."""

import sqlite3
from asyncio import gather
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from sqlalchemy.engine import make_url

from img402_mcp.host.db.database import Database
from img402_mcp.host.payments.facilitators.base import Claim, Rejected, Settled, Unknown, Valid
from img402_mcp.host.payments.facilitators.play import BALANCE, Play
from img402_mcp.wire import x402
from img402_mcp.wire.evm import typed_data
from tests.fakes.fixtures import Hosting
from tests.fakes.keys import KEY, PAYEE

SOMEBODY = "0x" + "99" * 20
ACCOUNT = Account.from_key(KEY)
PLAY = {"IMG402_HOST_PAY_TO": PAYEE, "IMG402_HOST_FACILITATOR": "play"}


def signed(now: int, network: x402.Network = x402.BASE_SEPOLIA, **changed: Any) -> x402.ExactPayload:
    fields = {
        "payer": ACCOUNT.address,
        "to": PAYEE,
        "value": 10000,
        "valid_after": now - 600,
        "valid_before": now + 300,
    }
    authorization = x402.Authorization(**{**fields, "nonce": "0x" + "01" * 32, **changed})
    message = encode_typed_data(*typed_data(authorization, network))
    return x402.ExactPayload(
        signature="0x" + ACCOUNT.sign_message(message).signature.hex(), authorization=authorization
    )


def claim(payload: x402.ExactPayload, amount: int = 10000) -> Claim:
    return Claim(1, x402.BASE_SEPOLIA, PAYEE, amount, payload, {}, {})


@pytest.fixture
def now(clock: SimpleNamespace) -> int:
    return int(clock.now.timestamp())


@pytest.fixture
def play(data: Path, clock: SimpleNamespace) -> Iterator[Play]:
    data.mkdir()
    database = Database(make_url(f"sqlite:///{data / 'index.sqlite'}"))
    yield Play(database, lambda: clock.now)
    database.close()


async def test_a_payment_is_settled_once(play: Play, now: int, clock: SimpleNamespace):
    paid = claim(signed(now))
    assert await play.verify(paid) == Valid()
    settled = await play.settle(paid)
    assert isinstance(settled, Settled)
    assert settled.transaction.startswith("PLAY MONEY ")
    for again in (await play.verify(paid), await play.settle(paid)):
        assert again == Rejected("invalid_exact_evm_nonce_already_used", used=True)
    assert await play.recall(paid, clock.now) == settled


async def test_the_specifications_own_signature_is_accepted(play: Play, clock: SimpleNamespace):
    authorization = x402.Authorization(
        payer="0x857b06519E91e3A54538791bDbb0E22373e36b66",
        to="0x209693Bc6afc0C5328bA36FaF03C514EF312287C",
        value=10000,
        valid_after=1740672089,
        valid_before=1740672154,
        nonce="0xf3746613c2d920b5fdabc0856f2aeb2d4f88ee6037b8cc5d04a71a4462f13480",
    )
    signature = (
        "0x2d6a7588d6acca505cbf0d9a4a227e0c52c6c34008c8e8986a1283259764173608a2ce6496642e377d6da8dbbf5836e9bd15092f9"
        "ecab05ded3d6293af148b571c"
    )
    paid = claim(x402.ExactPayload(signature=signature, authorization=authorization))
    clock.now = clock.now.fromtimestamp(1740672100, clock.now.tzinfo)
    assert await play.verify(replace(paid, pay_to=authorization.to)) == Valid()


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        pytest.param({"to": SOMEBODY}, "payload_recipient_mismatch", id="recipient"),
        pytest.param({"value": 9999}, "payload_authorization_value_mismatch", id="value"),
        pytest.param({"valid_after": 1_770_552_001}, "payload_authorization_valid_after", id="not-yet-valid"),
        pytest.param({"valid_before": 1_770_552_000}, "payload_authorization_valid_before", id="expired"),
        pytest.param({"payer": SOMEBODY}, "payload_signature", id="signed-by-another"),
        pytest.param({"network": x402.BASE}, "payload_signature", id="signed-for-another-chain"),
    ],
)
async def test_a_bad_payment_is_rejected(play: Play, now: int, changed: dict[str, Any], reason: str):
    paid = claim(signed(now, **changed))
    assert await play.verify(paid) == await play.settle(paid) == Rejected(f"invalid_exact_evm_{reason}")


@pytest.mark.parametrize("signature", ["00" * 65, "ff" * 65, "11" * 65], ids=["zeros", "ones", "any"])
async def test_a_malformed_signature_is_rejected(play: Play, now: int, signature: str):
    paid = claim(signed(now).model_copy(update={"signature": f"0x{signature}"}))
    assert await play.verify(paid) == Rejected("invalid_exact_evm_payload_signature")


async def test_a_tampered_value_breaks_the_signature(play: Play, now: int):
    payload = signed(now)
    raised = payload.authorization.model_copy(update={"value": 20000})
    tampered = payload.model_copy(update={"authorization": raised})
    assert await play.verify(claim(tampered, 20000)) == Rejected("invalid_exact_evm_payload_signature")


async def test_a_payer_has_ten_usdc_and_no_more(play: Play, now: int):
    over = claim(signed(now, value=BALANCE + 1, nonce="0x" + "04" * 32), BALANCE + 1)
    assert await play.settle(over) == Rejected("insufficient_funds")
    whole = claim(signed(now, value=BALANCE, nonce="0x" + "02" * 32), BALANCE)
    assert isinstance(await play.settle(whole), Settled)
    more = claim(signed(now, value=1, nonce="0x" + "03" * 32), 1)
    assert await play.verify(more) == await play.settle(more) == Rejected("insufficient_funds")


async def test_payments_at_the_same_time_never_overdraw(play: Play, now: int):
    half = BALANCE // 2
    payments = [claim(signed(now, value=half, nonce=f"0x{nonce:064x}"), half) for nonce in range(5)]
    outcomes = await gather(*map(play.settle, payments))
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Rejected"] * 3 + ["Settled"] * 2


async def test_earlier_settlements_are_known(play: Play, now: int, clock: SimpleNamespace):
    paid = claim(signed(now))
    assert await play.recall(paid, clock.now) == Unknown("it can still be settled")
    clock.now = clock.now.fromtimestamp(now + 300, clock.now.tzinfo)
    assert await play.recall(paid, clock.now) == Rejected("invalid_exact_evm_payload_authorization_valid_before")


async def test_records_that_cannot_be_reached_leave_the_outcome_unknown(
    play: Play, now: int, clock: SimpleNamespace, data: Path
):
    paid = claim(signed(now))
    with closing(sqlite3.connect(data / "index.sqlite")) as database:
        database.execute("DROP TABLE play_transfers")
    outcomes = [await play.verify(paid), await play.settle(paid), await play.recall(paid, clock.now)]
    assert outcomes == [Unknown("the play money's records cannot be reached (OperationalError)")] * 3


@pytest.mark.one_machine
async def test_play_money_is_named_everywhere(
    hosting: Hosting, now: int, caplog: pytest.LogCaptureFixture, sample: Callable[[str], bytes]
):
    caplog.set_level("INFO")
    async with hosting(**PLAY) as client:
        (offer,) = (await client.post("/api/upload/token")).json()["accepts"]
        proof = x402.PaymentPayloadV1(network="base-sepolia", payload=signed(now))
        bought = await client.post("/api/upload/token", headers={"X-PAYMENT": x402.encoded(proof)})
        token = {"X-Upload-Token": bought.json()["token"]}
        image = await client.post("/api/upload", headers=token, files={"image": sample("plain.png")})
        listed = (await client.get("/.well-known/x402")).json()["items"]
    assert image.status_code == 200
    assert (offer["network"], offer["description"][:46]) == (
        "base-sepolia",
        "PLAY MONEY, worth nothing: 0.01 USDC on base-s",
    )
    assert x402.decoded(bought.headers["X-PAYMENT-RESPONSE"])["transaction"].startswith("PLAY MONEY ")
    assert all(item["description"].startswith("PLAY MONEY") for item in listed)
    notes = [record.getMessage() for record in caplog.records if record.name == "img402_mcp.host.payments"]
    assert notes[0] == "PLAY MONEY: payments on this host move no money, so what they buy is free."
    assert notes[1].startswith("PLAY MONEY payment settled: payer ")


async def test_the_book_outlives_a_restart(hosting: Hosting, now: int):
    proof = {"X-PAYMENT": x402.encoded(x402.PaymentPayloadV1(network="base-sepolia", payload=signed(now)))}
    async with hosting(**PLAY) as client:
        bought = await client.post("/api/upload/token", headers=proof)
    async with hosting(**PLAY) as client:
        assert (await client.post("/api/upload/token", headers=proof)).json() == bought.json()
