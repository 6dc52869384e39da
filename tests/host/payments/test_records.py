"""The row of a payment: who may settle it, and what an overtaken attempt can still change."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from img402_mcp.host.db.database import Database
from img402_mcp.host.payments.payload import presented
from img402_mcp.host.payments.records import LEASE, PaymentRecord, PaymentRecords
from img402_mcp.host.settings import HostSettings
from img402_mcp.wire.x402 import BASE


@pytest.fixture
def book(data: Path, settings: Callable[..., HostSettings], clock: SimpleNamespace) -> Iterator[PaymentRecords]:
    data.mkdir()
    database = Database(settings().database)
    yield PaymentRecords(database, lambda: clock.now)
    database.close()


@pytest.fixture
def reserved(book: PaymentRecords, proof: Callable[..., dict[str, str]]) -> PaymentRecord:
    paid = presented(proof())
    assert paid is not None
    payment = book.reserve(paid, BASE, "image", 10000)
    assert payment is not None
    return payment


def leased(book: PaymentRecords, payment: PaymentRecord) -> PaymentRecord:
    lease = book.lease(payment.key)
    assert lease is not None
    return lease


def test_one_at_a_time_may_settle(book: PaymentRecords, reserved: PaymentRecord, clock: SimpleNamespace):
    assert leased(book, reserved) == replace(reserved, attempts=1)
    assert book.lease(reserved.key) is None
    clock.now += LEASE
    assert leased(book, reserved) == replace(reserved, attempts=2)


def test_a_lease_that_is_renewed_is_not_taken_over(
    book: PaymentRecords, reserved: PaymentRecord, clock: SimpleNamespace
):
    mine = leased(book, reserved)
    clock.now += LEASE
    book.renew(mine)
    assert book.lease(reserved.key) is None


def test_a_released_lease_is_free_at_once(book: PaymentRecords, reserved: PaymentRecord):
    book.release(leased(book, reserved))
    assert leased(book, reserved).attempts == 2


def test_a_paid_payment_is_not_settled_again(book: PaymentRecords, reserved: PaymentRecord, clock: SimpleNamespace):
    book.settled(leased(book, reserved), "0xabc")
    clock.now += LEASE
    assert book.lease(reserved.key) is None
    assert book.find(reserved.key) == replace(reserved, attempts=1, paid=True, settlement="0xabc")


def test_an_overtaken_attempt_frees_and_releases_nothing(
    book: PaymentRecords, reserved: PaymentRecord, clock: SimpleNamespace
):
    old = leased(book, reserved)
    clock.now += LEASE
    leased(book, reserved)
    book.free(old)
    book.release(old)
    assert book.lease(reserved.key) is None
    assert book.find(reserved.key) == replace(reserved, attempts=2)


def test_an_overtaken_attempt_that_learns_the_money_moved_is_recorded(
    book: PaymentRecords, reserved: PaymentRecord, clock: SimpleNamespace
):
    old = leased(book, reserved)
    clock.now += LEASE
    newer = leased(book, reserved)
    book.settled(old, "0xabc")
    book.free(newer)
    book.settled(newer, "0xdef")
    assert book.find(reserved.key) == replace(reserved, attempts=2, paid=True, settlement="0xabc")


def test_a_settlement_is_recorded_however_its_transaction_is_named(book: PaymentRecords, reserved: PaymentRecord):
    book.settled(leased(book, reserved), "0xabc\0\ud800" + "f" * 300)
    assert book.find(reserved.key) == replace(reserved, attempts=1, paid=True, settlement="0xabc" + "f" * 251)
