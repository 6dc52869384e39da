"""IMG402_APPROVE=ask: the user is asked before each payment, where the client can ask.

The question is asked exactly when something would be paid, by an exception that ends the call: the client shows it,
and makes the call again with the answer. So nobody is asked if nothing is paid, the question names the price, and the
answer counts for that price: if it has risen since, nothing is signed.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

from mcp_types import InputRequiredResult

from img402_mcp.errors import PaymentRefused
from img402_mcp.mcp_server.questions import YesOrNo, answered, ask, can_ask

if TYPE_CHECKING:
    from mcp.server.mcpserver import Context

    from img402_mcp.client.payments.payer import Approve
    from img402_mcp.client.payments.payment import PaymentIntent
    from img402_mcp.client.payments.payment_required import PaymentRequirements
    from img402_mcp.client.upload import Uploader

_REQUEST = "pay"


class Question(Exception):  # no error
    """Ends a call that would pay, until the user has answered."""

    def __init__(self, price: int, text: str) -> None:
        super().__init__(text)
        self.price = price


class UserAnswer(NamedTuple):
    """The answer to the question whether so many atomic units may be paid."""

    price: int
    agreed: bool


class Approval(NamedTuple):
    """`answer` is None if the user was not asked yet."""

    can_elicit: bool
    answer: UserAnswer | None = None
    call: str = ""
    """The key under which the session keeps what the call had read before the question ended it."""

    def approver(self, uploader: "Uploader", purpose: str) -> "Approve | None":
        """The callback that the payer asks before it signs; None if nobody has to be asked."""
        if uploader.settings.money.approve != "ask":
            return None

        async def approve(offer: "PaymentRequirements", intent: "PaymentIntent") -> bool:
            return self._covers(offer.amount, intent.origin.partition("://")[2], purpose)

        return approve

    def _covers(self, price: int, where: str, purpose: str) -> bool:
        from img402_mcp.wire.x402 import usdc  # noqa: PLC0415  # most sessions never pay

        if not self.can_elicit:
            raise PaymentRefused(
                "IMG402_APPROVE=ask demands that the user is asked before each payment, and this client cannot ask; "
                "nothing was signed. Without a payment there is upload_free; or set IMG402_APPROVE=auto: the budget "
                "still holds."
            )
        if self.answer is None:
            raise Question(price, f"Pay {usdc(price)} USDC to {where} {purpose}?")
        if self.answer.agreed and price > self.answer.price:
            raise PaymentRefused(
                f"The user agreed to {usdc(self.answer.price)} USDC, and {where} now asks {usdc(price)}; nothing was "
                "signed. Make the same call again to have the user asked again."
            )
        return self.answer.agreed


def approval_of(context: "Context[Any, Any]") -> Approval:
    """With the answer that came with this call, if a question ended an earlier call."""
    response = answered(context, _REQUEST)
    if not response:
        return Approval(can_ask(context))
    state, agreed = response
    return Approval(can_ask(context), UserAnswer(state["price"], agreed), state["call"])


async def elicited(context: "Context[Any, Any]", question: Question, call: str) -> InputRequiredResult | UserAnswer:
    """The question for the client to answer; or, in older revisions of the protocol, the answer itself."""
    state = {"price": question.price, "call": call}
    response = await ask(context, YesOrNo(_REQUEST, str(question), "Pay this once", state))
    return response if isinstance(response, InputRequiredResult) else UserAnswer(question.price, response)
