"""The payment records: one row for each authorization, written before its money moves.

The row decides every race: who settles, and what the payment is bound to. It holds hashes of the proof, never the
proof itself. Everything here blocks and is called in threads.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Index,
    Integer,
    Row,
    String,
    Table,
    UniqueConstraint,
    delete,
    func,
    select,
    update,
)

from img402_mcp.host.db.database import METADATA, Database, Moment
from img402_mcp.host.db.engine import insert_for
from img402_mcp.host.payments.payload import PaymentPayload
from img402_mcp.wire.x402 import Network

# How long a silent worker keeps the right to settle. A live one renews its lease, so a payment waits this long
# only after a crash.
LEASE = timedelta(seconds=6)

RESERVED, PAID = "reserved", "paid"
ONCE = "once: "
"""How the product's name begins of which there is one: a second payment for it is not taken."""

_PAYMENTS = Table(
    "payments",
    METADATA,
    Column("key", String(64), primary_key=True),
    Column("network", String(32), nullable=False),
    Column("payer", String(42), nullable=False),
    Column("nonce", String(66), nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("identifier_hash", String(64)),
    Column("product", String(128), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("leased_until", Moment, nullable=False),
    Column("reserved_at", Moment, nullable=False),
    Column("settlement", String(256), nullable=False),
    UniqueConstraint("payer", "identifier_hash"),
)
_IS_ONCE = func.substr(_PAYMENTS.c.product, 1, len(ONCE)) == ONCE
Index("one_payment", _PAYMENTS.c.product, unique=True, sqlite_where=_IS_ONCE, postgresql_where=_IS_ONCE)


@dataclass(frozen=True)
class PaymentRecord:
    """`attempts`: how often a settlement was started. `settlement`: the transaction, once paid."""

    key: str
    fingerprint: str
    identifier_hash: str | None
    product: str
    amount: int
    paid: bool
    attempts: int
    reserved_at: datetime
    settlement: str


_READ = tuple(
    (_PAYMENTS.c.state == PAID).label(it.name) if it.name == "paid" else _PAYMENTS.c[it.name]
    for it in fields(PaymentRecord)
)


class PaymentRecords:
    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database, self.now = database, now

    def find(self, key: str) -> PaymentRecord | None:
        return _payment(self._database.first(select(*_READ).where(_is(key))))

    def sold(self, product: str) -> PaymentRecord | None:
        """The one payment for a product that is sold once, paid or in flight."""
        return _payment(self._database.first(select(*_READ).where(_PAYMENTS.c.product == product)))

    def reserve(self, proof: PaymentPayload, network: Network, product: str, amount: int) -> PaymentRecord | None:
        """This authorization's row, new or existing. None: another one has its identifier or its product."""
        key, now = proof.key(network), self.now()
        row = {
            "key": key,
            "network": network.caip2,
            "payer": proof.payer,
            "nonce": proof.nonce,
            "fingerprint": proof.fingerprint,
            "identifier_hash": proof.identifier_hash,
            "product": product,
            "amount": amount,
            "state": RESERVED,
            "attempts": 0,
            "leased_until": now,
            "reserved_at": now,
            "settlement": "",
        }
        with self._database.transaction() as connection:
            made = insert_for(connection, _PAYMENTS).values(row).on_conflict_do_nothing().returning(*_READ)
            # The conflicting row may have been freed before it was read: then it is tried again.
            while not (found := connection.execute(made).all() or _in_the_way(connection, row)):
                pass
        return next((_payment(it) for it in found if it.key == key), None)

    def lease(self, key: str) -> PaymentRecord | None:
        """The right to settle it, for one at a time; None while another worker has it, or if it is paid or gone."""
        now = self.now()
        taken = (
            update(_PAYMENTS)
            .where(_is(key), _PAYMENTS.c.state == RESERVED, _PAYMENTS.c.leased_until <= now)
            .values(attempts=_PAYMENTS.c.attempts + 1, leased_until=now + LEASE)
            .returning(*_READ)
        )
        return _payment(self._database.change(taken))

    def renew(self, payment: PaymentRecord) -> None:
        self._change(payment, leased_until=self.now() + LEASE)

    def release(self, payment: PaymentRecord) -> None:
        """It has no outcome yet; the next request with the proof may try."""
        self._change(payment, leased_until=self.now())

    def settled(self, payment: PaymentRecord, settlement: str) -> None:
        """Accepted from any attempt: a settlement is never lost because a lease ran out.

        Nor because the transaction's name contains what a database does not store (NUL, lone surrogates).
        """
        row = update(_PAYMENTS).where(_is(payment.key), _PAYMENTS.c.state == RESERVED)
        transaction = "".join(filter(str.isprintable, settlement))[:256]
        self._database.change(row.values(state=PAID, settlement=transaction))

    def free(self, payment: PaymentRecord) -> None:
        """It was conclusively refused: as if it had never come."""
        self._database.change(delete(_PAYMENTS).where(_of_attempt(payment)))

    def _change(self, payment: PaymentRecord, leased_until: datetime) -> None:
        self._database.change(update(_PAYMENTS).where(_of_attempt(payment)).values(leased_until=leased_until))


def _is(key: str) -> ColumnElement[bool]:
    return _PAYMENTS.c.key == key


def _in_the_way(connection: Connection, row: Mapping[str, object]) -> Sequence[Row[tuple[object, ...]]]:
    """The existing payments that conflict with this one: one for each unique column."""
    same = _is(str(row["key"])) | (_IS_ONCE & (_PAYMENTS.c.product == row["product"]))
    if row["identifier_hash"] is not None:
        ours = _PAYMENTS.c.identifier_hash == row["identifier_hash"]
        same |= (_PAYMENTS.c.payer == row["payer"]) & ours
    return connection.execute(select(*_READ).where(same)).all()


def _of_attempt(payment: PaymentRecord) -> ColumnElement[bool]:
    """Its row, unless it was settled or another attempt has begun."""
    return _is(payment.key) & (_PAYMENTS.c.state == RESERVED) & (_PAYMENTS.c.attempts == payment.attempts)


def _payment(row: Sequence[Any] | None) -> PaymentRecord | None:
    return PaymentRecord(*row) if row else None
