"""`img402-mcp host admin submissions release`: the operator has looked up a fee's outcome, and records it."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from img402_mcp.cli import main
from img402_mcp.errors import SettingsError
from img402_mcp.host.apis.io42.accounts import Io42Accounts
from img402_mcp.host.apis.io42.fee import fee_product
from img402_mcp.host.db.database import Database
from img402_mcp.host.payments.payload import presented
from img402_mcp.host.payments.records import PaymentRecords
from img402_mcp.host.settings import HostSettings
from img402_mcp.wire.x402 import BASE

FEE = fee_product("sub_1")


@pytest.fixture
def desk(
    data: Path,
    settings: Callable[..., HostSettings],
    clock: SimpleNamespace,
    proof: Callable[..., dict[str, str]],
) -> Iterator[SimpleNamespace]:
    """`.book`, in which a fee has an attempt without outcome; `.release("0x..." or None)`."""
    data.mkdir()
    database = Database(settings().database)
    book, shown = PaymentRecords(database, lambda: clock.now), presented(proof())
    assert shown is not None
    payment = book.reserve(shown, BASE, FEE, 250_000)
    assert payment is not None
    accounts = Io42Accounts(database, lambda: clock.now)
    yield SimpleNamespace(
        book=book, payment=payment, release=lambda paid: accounts.release("sub_1", paid, unpaid=paid is None)
    )
    database.close()


def test_a_fee_that_was_paid_after_all_counts(desk: SimpleNamespace):
    assert desk.release("0xabc") == {"submission": "sub_1", "fee": "0.25", "paid": True}
    payment = desk.book.sold(FEE)
    assert (payment.paid, payment.settlement) == (True, "0xabc")
    with pytest.raises(SettingsError, match='The fee of submission "sub_1" is paid; there is nothing to release.'):
        desk.release(None)


def test_a_fee_that_can_no_longer_be_settled_may_be_paid_again(desk: SimpleNamespace, clock: SimpleNamespace):
    clock.now += timedelta(hours=1)
    assert desk.release(None) == {"submission": "sub_1", "fee": "0.25", "paid": False}
    assert desk.book.sold(FEE) is None
    with pytest.raises(SettingsError, match="has not been tried; there is nothing to release"):
        desk.release(None)


def test_a_fee_that_may_still_be_settled_is_not_given_up(desk: SimpleNamespace, clock: SimpleNamespace):
    clock.now += timedelta(minutes=59)
    with pytest.raises(SettingsError) as refused:
        desk.release(None)
    assert str(refused.value) == (
        'The fee of submission "sub_1" was signed at 12:00:00 UTC and may still be settled. Check the chain, and '
        "release it as unpaid an hour after it was signed."
    )
    assert desk.book.sold(FEE) == desk.payment


def test_a_fee_that_a_worker_is_settling_is_left_alone(desk: SimpleNamespace, clock: SimpleNamespace):
    clock.now += timedelta(hours=2)
    desk.book.lease(desk.payment.key)
    with pytest.raises(SettingsError, match="being settled right now"):
        desk.release(None)
    assert desk.book.sold(FEE) is not None


@pytest.mark.parametrize("words", [[], ["--paid", "0xabc", "--unpaid"]], ids=["neither", "both"])
def test_the_outcome_must_be_given(data: Path, words: list[str]):
    with pytest.raises(SettingsError, match="--paid TRANSACTION or --unpaid"):
        main.run(["host", "admin", "submissions", "release", "sub_1", "--data", str(data), *words])
