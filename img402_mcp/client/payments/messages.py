"""What a payment that is under way, closed or in doubt is called, and the way out of each."""

from datetime import UTC, datetime
from urllib.parse import urlsplit

from img402_mcp.client.payments.payment import Payment
from img402_mcp.wire import x402 as wire


def clock(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M:%SZ}"


def what(payment: Payment) -> str:
    where = urlsplit(payment.intent.origin).netloc
    return f"{wire.usdc(payment.amount)} USDC to {where} (nonce {payment.nonce})"


def call_again(payment: Payment) -> str:
    return (
        f"A payment of {what(payment)} is under way, and its answer has not come. Nothing new is signed for this: "
        "make the same call again, and the same proof is sent again; it can be charged once only. "
        "`img402-mcp wallet resume` does the same."
    )


def begin_again(payment: Payment) -> str:
    return f"A payment of {what(payment)} was closed by another process before it left. Make the same call again."


def unknown(payment: Payment, why: str) -> str:
    return (
        f"A payment of {what(payment)} got no answer until its window ended at {clock(payment.valid_before)}, and "
        f"{why}: it may have been charged. Nothing new is signed for this. Set IMG402_RPC_URL to a node of "
        f"{payment.network}; or, having seen that {payment.payer} was not charged, run "
        f"`img402-mcp wallet resolve {payment.nonce} --presume-unsettled`, and make the same call again."
    )


def charged(payment: Payment) -> str:
    return (
        f"A payment of {what(payment)} was charged, and what it paid for was not delivered. Nothing new is signed "
        "for this. Make the same call again later, or show the operator the nonce. To give the money up and allow a "
        f"new payment, run `img402-mcp wallet resolve {payment.nonce} --presume-unsettled`."
    )
