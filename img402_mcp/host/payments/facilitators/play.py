"""PLAY MONEY, for demos and tests: signatures, windows, nonces and balances are really checked, and no coin moves.

The balances are in the host's own database, so they survive a crash as on a chain. Every payer starts with BALANCE.
Only base-sepolia: a signature over Base's own domain would be real money to anyone who holds it.
"""

import hashlib
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any, TypeVar

from anyio import to_thread
from sqlalchemy import BigInteger, Column, Connection, String, Table, insert, select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from img402_mcp.host.db.database import METADATA, Database
from img402_mcp.host.db.engine import insert_for
from img402_mcp.host.payments.facilitators.base import Claim, Rejected, Settled, Unknown, Valid
from img402_mcp.wire.evm import account, typed_data
from img402_mcp.wire.x402 import Authorization

BALANCE = 10_000_000  # 10 USDC, a thousand uploads
USED = "invalid_exact_evm_nonce_already_used"
INSUFFICIENT = "insufficient_funds"

_Outcome = TypeVar("_Outcome")
_TRANSFERS = Table(
    "play_transfers",
    METADATA,
    Column("payer", String(42), primary_key=True),
    Column("nonce", String(66), primary_key=True),
    Column("payee", String(42), nullable=False),
    Column("value", BigInteger, nullable=False),
)
_SPENT = Table(
    "play_spent",
    METADATA,
    Column("payer", String(42), primary_key=True),
    Column("value", BigInteger, nullable=False),
)


def _in_thread(work: Callable[["Play", Claim], _Outcome]) -> Callable[..., Coroutine[Any, Any, _Outcome | Unknown]]:
    async def run(self: "Play", claim: Claim, _since: datetime | None = None) -> _Outcome | Unknown:
        try:
            return await to_thread.run_sync(work, self, claim)
        except SQLAlchemyError as error:
            return Unknown(f"the play money's records cannot be reached ({type(error).__name__})")

    return run


class Play:
    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database, self._now = database, now

    async def aclose(self) -> None:
        pass

    @_in_thread
    def verify(self, claim: Claim) -> Valid | Rejected:
        if reason := _flaw(claim, self._now().timestamp()):
            return Rejected(reason)
        with self._database.reading() as connection:
            if _is_used(connection, claim.authorization):
                return Rejected(USED, used=True)
            row = select(_SPENT.c.value).where(_SPENT.c.payer == claim.authorization.payer.lower())
            spent = connection.execute(row).scalar() or 0
        return Valid() if spent + claim.amount <= BALANCE else Rejected(INSUFFICIENT)

    @_in_thread
    def settle(self, claim: Claim) -> Settled | Rejected:
        if reason := _flaw(claim, self._now().timestamp()):
            return Rejected(reason)
        try:
            with self._database.transaction() as connection:
                _transfer(connection, claim.authorization)
        except IntegrityError:
            return Rejected(USED, used=True)
        except _Overdrawn:
            return Rejected(INSUFFICIENT)
        return Settled(_name(claim.authorization))

    @_in_thread
    def recall(self, claim: Claim) -> Settled | Rejected | Unknown:
        with self._database.reading() as connection:
            if _is_used(connection, claim.authorization):
                return Settled(_name(claim.authorization))
        if claim.authorization.valid_before <= self._now().timestamp():
            return Rejected("invalid_exact_evm_payload_authorization_valid_before")
        return Unknown("it can still be settled")


class _Overdrawn(Exception):
    pass


def _flaw(claim: Claim, now: float) -> str | None:
    """What the token's contract would find wrong with the authorization itself."""
    paid = claim.authorization
    if paid.to.lower() != claim.pay_to.lower():
        return "invalid_exact_evm_payload_recipient_mismatch"
    if paid.value != claim.amount:
        return "invalid_exact_evm_payload_authorization_value_mismatch"
    if not paid.valid_after < now:
        return "invalid_exact_evm_payload_authorization_valid_after"
    if not now < paid.valid_before:
        return "invalid_exact_evm_payload_authorization_valid_before"
    return None if signer(claim) == paid.payer.lower() else "invalid_exact_evm_payload_signature"


def _is_used(connection: Connection, paid: Authorization) -> bool:
    row = select(_TRANSFERS.c.payer).where(
        _TRANSFERS.c.payer == paid.payer.lower(), _TRANSFERS.c.nonce == paid.nonce.lower()
    )
    return connection.execute(row).first() is not None


def _transfer(connection: Connection, paid: Authorization) -> None:
    """The unique nonce and the bounded sum decide, each in a single statement."""
    payer = paid.payer.lower()
    if paid.value > BALANCE:
        raise _Overdrawn
    row = {"payer": payer, "nonce": paid.nonce.lower(), "payee": paid.to.lower(), "value": paid.value}
    connection.execute(insert(_TRANSFERS), row)
    spent = insert_for(connection, _SPENT).values(payer=payer, value=paid.value)
    counted = spent.on_conflict_do_update(
        index_elements=[_SPENT.c.payer],
        set_={"value": _SPENT.c.value + paid.value},
        where=_SPENT.c.value + paid.value <= BALANCE,
    ).returning(_SPENT.c.value)
    if connection.execute(counted).first() is None:
        raise _Overdrawn


def _name(paid: Authorization) -> str:
    """Used in the receipt in place of a transaction's hash."""
    return "PLAY MONEY " + hashlib.sha256(f"{paid.payer} {paid.nonce}".lower().encode()).hexdigest()[:32]


def signer(claim: Claim) -> str:
    """The signer's address in lower case; empty where it is not a signature."""
    ours = account()
    from eth_account.messages import encode_typed_data  # noqa: PLC0415  # half a second, and for play money alone

    message = encode_typed_data(*typed_data(claim.authorization, claim.network))
    try:
        return str(ours.recover_message(message, signature=claim.payload.signature)).lower()
    except Exception:  # noqa: BLE001  # a dozen kinds of its own, all of them no signature
        return ""
