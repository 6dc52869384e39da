"""What a payment buys at img402: one upload, by a token or at once. The row in `bought_images` decides.

Tokens are made of the host's secret, so that only their hashes are stored and the same payment still gets the same
one. Everything here blocks and is called in threads.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Column, Connection, Integer, String, Table, UniqueConstraint, func, select, text

from img402_mcp.host.api_keys import hash_of
from img402_mcp.host.db.database import METADATA, Database, Moment
from img402_mcp.host.db.engine import insert_for
from img402_mcp.host.db.plain import Transaction
from img402_mcp.host.errors import ApiError
from img402_mcp.host.storage.images import StoredImage
from img402_mcp.wire.img402 import TokenAnswer

_TOKENS = Table(
    "upload_tokens",
    METADATA,
    Column("hash", String(64), primary_key=True),
    Column("payment", String(64), nullable=False),
    Column("number", Integer, nullable=False),
    Column("expires_at", Moment, nullable=False),
    UniqueConstraint("payment", "number"),
)
_BOUGHT = Table(
    "bought_images",
    METADATA,
    Column("payment", String(64), primary_key=True),
    Column("image_id", String(32), nullable=False),
    Column("sha256", String(64), nullable=False),
)

# As text: sqlalchemy's own insert with ON CONFLICT is specific to one dialect.
_REDEEM = text(
    "INSERT INTO bought_images (payment, image_id, sha256) VALUES (:payment, :image_id, :sha256) "
    "ON CONFLICT DO NOTHING RETURNING payment"
)


@dataclass(frozen=True)
class IssuedToken:
    payment: str
    expires_at: datetime


@dataclass(frozen=True)
class Bought:
    image_id: str
    sha256: str


class AlreadyRedeemed(ApiError):
    """Another request was first with this payment."""

    def __init__(self) -> None:
        super().__init__("invalid_token", "This payment has already bought its one image.")


class UploadTokens:
    def __init__(self, database: Database, secret: bytes, life: timedelta) -> None:
        self._database, self._secret, self._life = database, secret, life

    def token(self, payment: str, now: datetime) -> TokenAnswer:
        """The payment's valid token, or a new one: a payment buys an upload, not ten minutes."""
        with self._database.transaction() as connection:
            number = _last_number(connection, payment)
            while True:
                value = self._value(payment, number)
                row = _token(connection, value)
                if row is not None and row.expires_at > now:
                    return TokenAnswer(token=value, expires_at=row.expires_at)
                number += 1
                _issue(connection, self._value(payment, number), payment, number, now + self._life)

    def issued(self, value: str) -> IssuedToken | None:
        with self._database.reading() as connection:
            return _token(connection, value)

    def bought(self, payment: str) -> Bought | None:
        row = self._database.first(select(_BOUGHT).where(_BOUGHT.c.payment == payment))
        return Bought(row.image_id, row.sha256) if row else None

    def _value(self, payment: str, number: int) -> str:
        return hmac.new(self._secret, f"{payment} {number}".encode(), hashlib.sha256).hexdigest()[:40]


def redeem(transaction: Transaction, payment: str, image: StoredImage, sha256: str) -> None:
    """Runs in the transaction that adds the image's row, which must not be committed after AlreadyRedeemed."""
    if not [*transaction.execute(_REDEEM, {"payment": payment, "image_id": image.id, "sha256": sha256})]:
        raise AlreadyRedeemed


def _last_number(connection: Connection, payment: str) -> int:
    newest = select(func.max(_TOKENS.c.number)).where(_TOKENS.c.payment == payment)
    return connection.execute(newest).scalar() or 0


def _token(connection: Connection, value: str) -> IssuedToken | None:
    row = connection.execute(select(_TOKENS).where(_TOKENS.c.hash == hash_of(value))).first()
    return IssuedToken(row.payment, row.expires_at) if row else None


def _issue(connection: Connection, value: str, payment: str, number: int, expires_at: datetime) -> None:
    """Where another worker was first, its row is kept."""
    row = insert_for(connection, _TOKENS).values(
        hash=hash_of(value), payment=payment, number=number, expires_at=expires_at
    )
    connection.execute(row.on_conflict_do_nothing())
