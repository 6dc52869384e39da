"""`get_upload_token()`: a token for one paid upload, or how to pay for one."""

from typing import TYPE_CHECKING, Annotated

from mcp.server.mcpserver.tools import Tool
from mcp_types import CallToolResult, ToolAnnotations

from img402_mcp.client.result_text import in_utc, moment
from img402_mcp.mcp_server.approval import AnsweredForToken, TokenPrice, consent
from img402_mcp.mcp_server.results import (
    ToolContext,
    ToolResult,
    errors_as_tool_errors,
    free_uploader,
    paid_uploader,
    tool_result,
)

if TYPE_CHECKING:
    from img402_mcp.client.apis.base import Receipt
    from img402_mcp.client.paid_upload import Issued
    from img402_mcp.client.upload_price import UploadPrice

DESCRIPTION = (
    "Get a token for one paid, lasting upload. SPENDS MONEY where a wallet is set, else tells how to pay. "
    "Rarely needed: upload_free is enough for most, upload_paid does both steps."
)


class TokenResult(ToolResult):
    """Either a token, or the image that the payment bought already, or what is asked for one."""

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


async def get_upload_token(
    ctx: ToolContext, price: TokenPrice, answer: AnsweredForToken
) -> Annotated[CallToolResult, TokenResult]:
    from img402_mcp.client.paid_upload import Issued  # noqa: PLC0415  # most sessions never pay
    from img402_mcp.client.upload_price import upload_price  # noqa: PLC0415  # most sessions never pay

    async with errors_as_tool_errors():
        paid = await paid_uploader(ctx)
        if paid is None:
            return _price_result(await upload_price(await free_uploader(ctx)))
        bought = await paid.token(consent(paid.uploader, price, answer))
        return _token_result(bought) if isinstance(bought, Issued) else _image_result(bought)


def tool() -> Tool:
    return Tool.from_function(
        get_upload_token,
        title="Get an upload token",
        description=DESCRIPTION,
        annotations=ToolAnnotations(
            read_only_hint=False, destructive_hint=True, idempotent_hint=False, open_world_hint=True
        ),
    )


def _price_result(price: "UploadPrice") -> CallToolResult:
    answer = TokenResult(
        endpoint=price.endpoint,
        method="POST",
        amount_usdc=price.amount,
        network=price.network,
        asset=price.asset,
        pay_to=price.pay_to,
        next="Pay the endpoint with any x402 client, such as a payments MCP tool; then upload_with_token(path, token).",
    )
    return tool_result(
        f"No wallet is set here, nothing was paid. A token costs {price.amount} USDC on {price.network} "
        f"(asset {price.asset}, to {price.pay_to}). {answer.next} Endpoint: {price.endpoint}",
        answer,
    )


def _image_result(image: "Receipt") -> CallToolResult:
    answer = TokenResult(url=image.url, expires_at=moment(image), next="Call again for a new token.")
    return tool_result(f"This payment was used already, for the image {image.url}. {answer.next}", answer)


def _token_result(issued: "Issued") -> CallToolResult:
    expiry = in_utc(issued.token.expires_at)
    paid = "paid for before, nothing was paid now" if issued.reused else "just paid for"
    return tool_result(
        f"Token {issued.token.value} ({paid}), good for one upload_with_token(path, token) until {expiry}.",
        TokenResult(token=issued.token.value, expires_at=expiry, reused=issued.reused),
    )
