"""A payment as the journal keeps it: its intent, its state, and the row."""

import sqlite3
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class State(StrEnum):
    SIGNED = "signed"
    """On disk; not sent."""
    SENT = "sent"
    """It was sent, or was about to be."""
    AMBIGUOUS = "ambiguous"
    """It was sent, and no answer has settled the outcome."""
    UNDELIVERED = "undelivered"
    """The chain says that it was charged, but its goods never came."""
    ANSWERED = "answered"
    """The API granted the paid request."""
    USED = "used"
    """The purchase has been used: the image is there."""
    EXPIRED = "expired"
    """It was not charged and no longer can be, or the user says so."""

    @property
    def is_open(self) -> bool:
        return self not in {State.USED, State.EXPIRED}


@dataclass(frozen=True)
class PaymentIntent:
    """Names one purchase, which is paid for once. We derive it; it is never an argument that a model could vary."""

    origin: str
    """https://host[:port] of the address that is paid."""
    route: str
    source: str = ""
    """SHA-256 of the source file, in hex; empty for a bare token."""

    @property
    def key(self) -> tuple[str, str, str]:
        return self.origin, self.route, self.source


@dataclass(frozen=True)
class Payment:
    nonce: str
    intent: PaymentIntent
    method: str
    url: str
    bodied: bool
    """The paid request had a body. It is not kept here, so only the same call can send it again."""
    network: str
    payer: str
    pay_to: str
    amount: int
    valid_before: int
    header: str
    state: State
    signed_at: float
    changed_at: float
    settlement: str
    """The transaction's hash, as the API named it."""
    token_expires_at: float | None
    result: str | None
    put_at: float | None
    """When the file was first sent to the address that was bought."""
    refusal: str
    """The API's last reason for not taking the proof; empty if it gave none. Data, to be quoted."""
    redeemed: str | None
    """SHA-256 of the file that was sent with the bare token; no other file may follow while the outcome is in doubt."""
    token: str | None = field(repr=False)
    answer: bytes | None = field(repr=False)
    proof: str = field(repr=False)
    identifier: str = field(repr=False)


def payment_in(row: sqlite3.Row) -> Payment:
    columns: dict[str, Any] = dict(row)
    for unread in ("serial", "asset"):
        del columns[unread]
    intent = PaymentIntent(columns.pop("origin"), columns.pop("route"), columns.pop("source"))
    return Payment(intent=intent, state=State(columns.pop("state")), bodied=bool(columns.pop("bodied")), **columns)
