"""`get_upload_token()`: a token for one paid upload, or how to pay for one."""

from typing import TYPE_CHECKING, NamedTuple

from img402_mcp.client.result_text import moment
from img402_mcp.mcp_server.results import Answer
from img402_mcp.mcp_server.session import ToolContext
from img402_mcp.wire.moments import in_utc

if TYPE_CHECKING:
    from img402_mcp.client.api_limits import Lifetimes
    from img402_mcp.client.apis.base import Receipt
    from img402_mcp.client.paid_upload import Issued
    from img402_mcp.client.payments.payment_required import PaymentRequirements


class TokenResult(NamedTuple):
    """Either a token, or the image that the payment has already bought, or the price of a token."""

    token: str = ""
    expires_at: str | None = None
    reused: bool = False
    url: str = ""
    endpoint: str = ""
    method: str = ""
    amount_usdc: str = ""
    network: str = ""
    asset: str = ""
    pay_to: str = ""
    next: str = ""
    note: str = ""


async def get_upload_token(ctx: ToolContext) -> Answer[TokenResult]:
    from img402_mcp.client.paid_upload import Issued  # noqa: PLC0415  # most sessions never pay
    from img402_mcp.client.token_upload import upload_price  # noqa: PLC0415  # most sessions never pay

    if not ctx.session.has_wallet:
        here = await ctx.session.uploader()
        return _with_worth(_price_result(*await upload_price(here)), await here.api_limits.lifetimes())
    paid = await ctx.session.paid()
    bought = await paid.token(ctx.approval.approver(paid.uploader, "for one image upload"))
    answer = _token_result(bought) if isinstance(bought, Issued) else _image_result(bought)
    return _with_worth(answer, await paid.uploader.api_limits.lifetimes())


def _with_worth(answer: Answer[TokenResult], lives: "Lifetimes") -> Answer[TokenResult]:
    """No file is named yet, so the answer says what a token buys beyond a free upload."""
    from img402_mcp.client.api_limits import bought  # noqa: PLC0415  # an uploader is open by now

    note = bought(lives)
    return answer._replace(text=f"{answer.text} {note}", result=answer.result._replace(note=note))


def _price_result(endpoint: str, offer: "PaymentRequirements") -> Answer[TokenResult]:
    from img402_mcp.wire.x402 import usdc  # noqa: PLC0415  # the offer's room imports it

    answer = TokenResult(
        endpoint=endpoint,
        method="POST",
        amount_usdc=usdc(offer.amount),
        network=offer.network.name,
        asset=offer.network.usdc,
        pay_to=offer.pay_to,
        next="Pay the endpoint with any x402 client, such as a payments MCP tool; then upload_with_token(path, token).",
    )
    return Answer(
        f"No wallet is set here, nothing was paid. A token costs {answer.amount_usdc} USDC on {answer.network} "
        f"(asset {answer.asset}, to {answer.pay_to}). {answer.next} Endpoint: {endpoint}",
        answer,
    )


def _image_result(image: "Receipt") -> Answer[TokenResult]:
    answer = TokenResult(url=image.url, expires_at=moment(image), next="Call again for a new token.")
    return Answer(f"This payment was used already, for the image {image.url}. {answer.next}", answer)


def _token_result(issued: "Issued") -> Answer[TokenResult]:
    expiry = in_utc(issued.token.expires_at)
    paid = "paid for before, nothing was paid now" if issued.reused else "just paid for"
    return Answer(
        f"Token {issued.token.value} ({paid}), good for one upload_with_token(path, token) until {expiry}.",
        TokenResult(token=issued.token.value, expires_at=expiry, reused=issued.reused),
    )
