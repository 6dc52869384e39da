"""The sentences about a payment that is in progress, closed or in doubt, each with the way out."""

from urllib.parse import urlsplit

from img402_mcp.client.payments.payment import Payment
from img402_mcp.errors import quoted
from img402_mcp.wire import x402 as wire
from img402_mcp.wire.moments import moment_of


def clock(moment: float) -> str:
    return f"{moment_of(moment):%Y-%m-%d %H:%M:%SZ}"


def what(payment: Payment) -> str:
    where = urlsplit(payment.intent.origin).netloc
    return f"{wire.usdc(payment.amount)} USDC to {where} (nonce {payment.nonce})"


def call_again(payment: Payment, balance: str = "") -> str:
    if payment.refusal:
        return _not_taken(payment, balance)
    return (
        f"A payment of {what(payment)} is in flight: no answer has come yet. Make the same call again, and the same "
        "proof is sent again. It can be charged only once, and nothing new is signed. `img402-mcp wallet resume` does "
        "the same."
    )


def _not_taken(payment: Payment, balance: str) -> str:
    return (
        f"A payment of {what(payment)} was sent, and the API did not take it. Its own words: "
        f"{quoted(payment.refusal)}. {_way_out(payment, balance)} The same proof is kept and can be charged only once: "
        "make the same call again, and it is sent again. Nothing new is signed for this."
    )


def _way_out(payment: Payment, balance: str) -> str:
    if "insufficient" in payment.refusal.lower():
        has = f" It holds {balance}." if balance else ""
        return f"Send USDC on {payment.network} to the wallet {payment.payer}.{has}"
    until = clock(payment.valid_before)
    return f"If the reason does not pass, the proof runs out at {until}, and a new one can be made after that."


def begin_again(payment: Payment) -> str:
    return f"A payment of {what(payment)} was closed by another process before it was sent. Make the same call again."


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
