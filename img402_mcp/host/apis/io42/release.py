"""A submission's fee without an outcome: the operator has looked it up, and records the outcome.

Until then the host accepts no other payment, since both might be charged.
"""

from datetime import datetime, timedelta
from typing import Any

from img402_mcp.errors import SettingsError, quoted
from img402_mcp.host.apis.io42.fee import fee_product
from img402_mcp.host.db.database import Database
from img402_mcp.host.payments.records import PaymentRecord, PaymentRecords
from img402_mcp.wire.x402 import usdc

# A proof is valid for minutes. After this it can no longer be settled, and what the chain says is final.
RELEASE_AFTER = timedelta(hours=1)


def release(database: Database, now: datetime, submission_id: str, transaction: str | None) -> dict[str, Any]:
    """With a transaction the fee counts as paid; without one, as never attempted."""
    book = PaymentRecords(database, lambda: now)
    payment = book.sold(fee_product(submission_id))
    if payment is None or payment.paid:
        state = "is paid" if payment else "has not been tried"
        raise SettingsError(f"The fee of submission {quoted(submission_id)} {state}; there is nothing to release.")
    if transaction is None:
        _free(book, payment, submission_id, now)
    else:
        book.settled(payment, transaction)
    return {"submission": submission_id, "fee": usdc(payment.amount), "paid": transaction is not None}


def _free(book: PaymentRecords, payment: PaymentRecord, submission_id: str, now: datetime) -> None:
    if now - payment.reserved_at < RELEASE_AFTER:
        raise SettingsError(
            f"The fee of submission {quoted(submission_id)} was signed at {payment.reserved_at:%H:%M:%S} UTC and may "
            "still be settled. Check the chain, and release it as unpaid an hour after it was signed."
        )
    leased = book.lease(payment.key)
    if leased is None:
        raise SettingsError("The payment is being settled right now. Try again in a minute.")
    book.free(leased)
