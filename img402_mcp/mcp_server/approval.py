"""Yes-or-no questions to the person at the client, and the one before each payment (IMG402_APPROVE=ask).

In newer revisions of the protocol a question ends the call, and the client makes the call again with the answer; in
older revisions the call waits for it. The user is asked exactly when something would be paid: the question names the
price, and the answer counts for that price. If it has risen since, nothing is signed.
"""

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from mcp_types import ElicitRequest, ElicitRequestFormParams, ElicitResult, InputRequiredResult
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from img402_mcp.errors import PaymentRefused

if TYPE_CHECKING:
    from mcp.server.mcpserver import Context


def can_ask(context: "Context[Any, Any]") -> bool:
    capabilities = context.client_capabilities
    elicitation = capabilities.elicitation if capabilities else None
    return elicitation is not None and (elicitation.form is not None or elicitation.url is None)


def answered(context: "Context[Any, Any]", name: str) -> tuple[Any, bool] | None:
    """What the question was about, and whether the answer was yes, if this call brings an answer to it."""
    said, about = (context.input_responses or {}).get(name), context.request_state
    return (json.loads(about), _is_yes(said, name)) if isinstance(said, ElicitResult) and about is not None else None


async def ask(
    context: "Context[Any, Any]", name: str, text: str, label: str, about: object
) -> InputRequiredResult | bool:
    """The question for the client to answer, or the answer itself.

    `name` is the field of the form; `about` comes back with the answer, sealed by the SDK.
    """
    properties = {name: {"type": "boolean", "description": label}}
    form = {"type": "object", "properties": properties, "required": [name]}
    if context.protocol_version in MODERN_PROTOCOL_VERSIONS:
        request = ElicitRequest(params=ElicitRequestFormParams(message=text, requested_schema=form))
        return InputRequiredResult(input_requests={name: request}, request_state=json.dumps(about))
    said = await context.session.elicit_form(text, form, related_request_id=context.request_id)
    return _is_yes(said, name)


def _is_yes(said: ElicitResult, name: str) -> bool:
    return said.action == "accept" and (said.content or {}).get(name) is True


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
                "IMG402_APPROVE=ask requires that the user is asked before each payment, and this client cannot ask; "
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
    response = await ask(context, _REQUEST, str(question), "Pay this once", state)
    return response if isinstance(response, InputRequiredResult) else UserAnswer(question.price, response)
