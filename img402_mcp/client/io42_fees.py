"""The limits on io42's fees, the answers to a payment, and the sentences about a fee that is or may be paid."""

from urllib.parse import urlsplit

from img402_mcp.client.apis.io42 import by_code
from img402_mcp.client.http import Request, Response, Send
from img402_mcp.client.payments.budget import Names, Policy
from img402_mcp.client.payments.payment import Payment, State
from img402_mcp.client.payments.wallet import Wallet, unlocked
from img402_mcp.client.settings.io42 import Io42Settings
from img402_mcp.client.settings.model import Money
from img402_mcp.errors import PaymentRefused
from img402_mcp.wire.x402 import PAYMENT_HEADERS, usdc


def fee_policy(io42: Io42Settings, money: Money) -> Policy:
    """A separate limit and payee; the daily budget and the networks are shared."""
    names = Names("IMG402_IO42_MAX_FEE", "IMG402_IO42_PAY_TO", "IMG402_IO42_URL")
    return Policy(io42.max_fee, money.daily_budget, money.networks, io42.pay_to, names)


def fee_wallet(money: Money) -> Wallet:
    if money.wallet is None:
        raise PaymentRefused(
            "A fee is asked for and no wallet is set; nothing was signed. Name one with IMG402_WALLET_FILE, or make "
            "one with `img402-mcp wallet new FILE`."
        )
    return unlocked(money.wallet)


def demand_first(paid: list[Payment]) -> None:
    if done := next((payment for payment in paid if payment.state is State.USED), None):
        raise PaymentRefused(
            f"This submission was delivered before, with another file: {_what(done)}. A second fee is not paid for it."
        )
    if existing := next((payment for payment in paid if payment.state.is_open), None):
        raise PaymentRefused(
            f"There is already a fee for this submission, for another file: {_what(existing)}. A second one is not "
            "paid. Submit that same file again, which costs nothing more; or give that fee up with `img402-mcp "
            f"wallet resolve {existing.nonce} --presume-unsettled`, and call again."
        )


def _what(payment: Payment) -> str:
    transaction = f"transaction {payment.settlement}" if payment.settlement else "transaction not known"
    where = urlsplit(payment.intent.origin).netloc
    return f"{usdc(payment.amount)} USDC to {where} (nonce {payment.nonce}, {transaction})"


def no_url(payment: Payment, problem: str) -> str:
    paid = "The fee is paid" if payment.state is State.ANSWERED else "The fee may be paid"
    return (
        f"{paid}, {_outcome_text(payment)}, and the service {problem}: {_what(payment)}. Nothing more is paid for this "
        "file. Look at the submission there; if it is not yours, show its operator the nonce and the transaction."
    )


def _outcome_text(payment: Payment) -> str:
    if payment.put_at is not None:
        return "the file was sent, but its arrival was not confirmed"
    return "an upload URL was received but no file sent" if payment.answer else "no upload URL was received"


def next_step(payment: Payment | None) -> str:
    if payment is None:
        return "No fee was paid. Make the same call again."
    paid = "is paid" if payment.state is State.ANSWERED else "may be paid"
    return f"The fee {paid}: {_what(payment)}. Make the same call again: nothing more is paid for this file."


class PaymentWatch:
    """Uses an answer's code, and remembers the last answer to a request with a proof."""

    def __init__(self, send: Send, url: str) -> None:
        self._send, self._url = send, url
        self.last: Response | None = None

    async def send(self, request: Request) -> Response:
        if request.url != self._url:  # a node of the chain
            return await self._send(request)
        paying = not _PAYMENT_HEADERS.isdisjoint(request.headers)
        self.last = None if paying else self.last
        answer = by_code(await self._send(request))
        self.last = answer if paying else self.last
        return answer


_PAYMENT_HEADERS = frozenset(PAYMENT_HEADERS.values())
