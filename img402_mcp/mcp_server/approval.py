"""IMG402_APPROVE=ask: the user is asked before each payment, where the client can ask.

The question names the price, and an answer counts for that very question: where the price has changed by the time
the payment is made, the answer does not cover it and nothing is signed.
"""

from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from mcp.server.elicitation import AcceptedElicitation, ElicitationResult
from mcp.server.mcpserver.resolve import Elicit, Resolve
from pydantic import Field

from img402_mcp.errors import PaymentRefused
from img402_mcp.mcp_server.results import ToolContext, ToolResult, errors_as_tool_errors, free_uploader, paid_uploader

if TYPE_CHECKING:
    from img402_mcp.client.paid_upload import PaidUploader
    from img402_mcp.client.payments.payer import Approve
    from img402_mcp.client.payments.payment import PaymentIntent
    from img402_mcp.client.payments.payment_required import Offer
    from img402_mcp.client.upload import Uploader


class Consent(ToolResult):
    pay: bool = Field(description="Pay this once")


async def token_price(ctx: ToolContext) -> int | None:
    """What the API asks now, in atomic units; None where nothing will be paid, or nobody is to be or can be asked."""
    async with errors_as_tool_errors():
        paid = await paid_uploader(ctx)
        return None if paid is None or await paid.live_token() else await _asked(ctx, paid)


async def file_price(ctx: ToolContext, path: str) -> int | None:
    """The same; a file that may not be read is refused before anyone is asked."""
    async with errors_as_tool_errors():
        paid = await paid_uploader(ctx)
        if paid is None or not asks(paid.uploader) or await paid.is_paid_for(path):
            return None
        return await _asked(ctx, paid)


async def _asked(ctx: ToolContext, paid: "PaidUploader") -> int | None:
    if not asks(paid.uploader) or not can_ask(ctx):
        return None
    from img402_mcp.client.upload_price import upload_price  # noqa: PLC0415  # most sessions never pay

    return (await upload_price(paid.uploader)).offer.amount


async def _question(ctx: ToolContext, price: int | None) -> Consent | Elicit[Consent]:
    if price is None:
        return Consent(pay=False)
    from img402_mcp.wire.x402 import usdc  # noqa: PLC0415  # most sessions never pay

    where = urlsplit((await free_uploader(ctx)).settings.api_url).netloc
    return Elicit(f"Pay {usdc(price)} USDC to {where} for one image upload?", Consent)


TokenPrice = Annotated[int | None, Resolve(token_price)]
FilePrice = Annotated[int | None, Resolve(file_price)]


async def answered_for_token(ctx: ToolContext, price: TokenPrice) -> Consent | Elicit[Consent]:
    return await _question(ctx, price)


async def answered_for_file(ctx: ToolContext, price: FilePrice) -> Consent | Elicit[Consent]:
    return await _question(ctx, price)


AnsweredForToken = Annotated[ElicitationResult[Consent], Resolve(answered_for_token)]
AnsweredForFile = Annotated[ElicitationResult[Consent], Resolve(answered_for_file)]


def consent(uploader: "Uploader", price: int | None, answer: ElicitationResult[Consent]) -> "Approve | None":
    """None: no one is to be asked."""
    if not asks(uploader):
        return None

    async def approve(offer: "Offer", _: "PaymentIntent") -> bool:
        if price is None:
            raise PaymentRefused(
                "IMG402_APPROVE=ask demands that the user is asked before each payment, and this client cannot ask; "
                "nothing was signed. Without a payment there is upload_free; or set IMG402_APPROVE=auto: the budget "
                "still holds."
            )
        agreed = isinstance(answer, AcceptedElicitation) and answer.data.pay
        return agreed and offer.amount <= price

    return approve


def asks(uploader: "Uploader") -> bool:
    return uploader.settings.money.approve == "ask"


def can_ask(ctx: ToolContext) -> bool:
    capabilities = ctx.client_capabilities
    elicitation = capabilities.elicitation if capabilities else None
    return elicitation is not None and (elicitation.form is not None or elicitation.url is None)
