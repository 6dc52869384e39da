"""What a payment buys at img402: one upload, by a token or at once. The row in `bought_images` decides.

Tokens are made of the host's secret, so that only their hashes are stored and the same payment still gets the same
one. Everything here blocks and is called in threads.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Column, Connection, Integer, String, Table, UniqueConstraint, select, text

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
        newest = select(_TOKENS).where(_TOKENS.c.payment == payment).order_by(_TOKENS.c.number.desc()).limit(1)
        with self._database.transaction() as connection:
            while True:
                row = connection.execute(newest).first()
                number = row.number if row else 0
                value = self._value(payment, number)
                # Another hash: the host's secret was another one.
                if row and row.hash == hash_of(value) and row.expires_at > now:
                    return TokenAnswer(token=value, expires_at=row.expires_at)
                self._issue(connection, payment, number + 1, now)

    def _issue(self, connection: Connection, payment: str, number: int, now: datetime) -> None:
        """Where another worker was first, its row is kept."""
        row = {"hash": hash_of(self._value(payment, number)), "payment": payment, "number": number}
        issue = insert_for(connection, _TOKENS).values(row | {"expires_at": now + self._life})
        connection.execute(issue.on_conflict_do_nothing())

    def issued(self, value: str) -> IssuedToken | None:
        row = self._database.first(select(_TOKENS).where(_TOKENS.c.hash == hash_of(value)))
        return IssuedToken(row.payment, row.expires_at) if row else None

    def bought(self, payment: str) -> Bought | None:
        row = self._database.first(select(_BOUGHT).where(_BOUGHT.c.payment == payment))
        return Bought(row.image_id, row.sha256) if row else None

    def _value(self, payment: str, number: int) -> str:
        return hmac.new(self._secret, f"{payment} {number}".encode(), hashlib.sha256).hexdigest()[:40]


def redeem(transaction: Transaction, payment: str, image: StoredImage, sha256: str) -> None:
    """Runs in the transaction that adds the image's row, which must not be committed after AlreadyRedeemed."""
    if not [*transaction.execute(_REDEEM, {"payment": payment, "image_id": image.id, "sha256": sha256})]:
        raise AlreadyRedeemed
