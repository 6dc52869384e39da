"""A submission whose fee has no outcome: the person who runs the host has looked, and says what became of it.

Until then the host waits forever, since a second payment might be one too many.
"""

from datetime import datetime, timedelta
from typing import Any

from img402_mcp.errors import SettingsError, quoted
from img402_mcp.host.apis.io42.fee import fee_product
from img402_mcp.host.db.database import Database
from img402_mcp.host.payments.records import PaymentRecord, PaymentRecords
from img402_mcp.wire.x402 import usdc

# A proof lives minutes. By then it can be settled no more, and the chain's word on it is final.
RELEASE_AFTER = timedelta(hours=1)


def release(database: Database, now: datetime, submission_id: str, transaction: str | None) -> dict[str, Any]:
    """With the transaction the fee counts as paid; without one as if it had never been tried."""
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
            "still be settled. Look at the chain, and release it as unpaid an hour after it was signed."
        )
    leased = book.lease(payment.key)
    if leased is None:
        raise SettingsError("The payment is being settled at this moment. Look at it again in a minute.")
    book.free(leased)
