"""`get_upload_token()`: a token for one paid upload, or how to pay for one."""

from typing import TYPE_CHECKING, Annotated

from mcp.server.mcpserver.tools import Tool
from mcp_types import CallToolResult, ToolAnnotations

from img402_mcp.mcp_server.approval import AnsweredForToken, TokenPrice, consent
from img402_mcp.mcp_server.results import Told, Visit, errors_told, free_corridor, in_utc, moment, paid_corridor, told

if TYPE_CHECKING:
    from img402_mcp.client.apis.base import Receipt
    from img402_mcp.client.paid_upload import Asked, Issued

DESCRIPTION = (
    "Get a token for one paid, lasting upload. SPENDS MONEY where a wallet is set, else tells how to pay. "
    "Rarely needed: upload_free is enough for most, upload_paid does both steps."
)


class TokenTold(Told):
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
    ctx: Visit, price: TokenPrice, answer: AnsweredForToken
) -> Annotated[CallToolResult, TokenTold]:
    from img402_mcp.client.paid_upload import Issued, asked  # noqa: PLC0415  # most sessions never pay

    async with errors_told():
        paid = await paid_corridor(ctx)
        if paid is None:
            return _asked_told(await asked(await free_corridor(ctx)))
        bought = await paid.token(consent(paid.corridor, price, answer))
        return _token_told(bought) if isinstance(bought, Issued) else _image_told(bought)


def tool() -> Tool:
    return Tool.from_function(
        get_upload_token,
        title="Get an upload token",
        description=DESCRIPTION,
        annotations=ToolAnnotations(
            read_only_hint=False, destructive_hint=True, idempotent_hint=False, open_world_hint=True
        ),
    )


def _asked_told(asked: "Asked") -> CallToolResult:
    answer = TokenTold(
        endpoint=asked.endpoint,
        method="POST",
        amount_usdc=asked.amount,
        network=asked.network,
        asset=asked.asset,
        pay_to=asked.pay_to,
        next="Pay the endpoint with any x402 client, such as a payments MCP tool; then upload_with_token(path, token).",
    )
    return told(
        f"No wallet is set here, nothing was paid. A token costs {asked.amount} USDC on {asked.network} "
        f"(asset {asked.asset}, to {asked.pay_to}). {answer.next} Endpoint: {asked.endpoint}",
        answer,
    )


def _image_told(image: "Receipt") -> CallToolResult:
    answer = TokenTold(url=image.url, expires_at=moment(image), next="Call again for a new token.")
    return told(f"This payment was used already, for the image {image.url}. {answer.next}", answer)


def _token_told(issued: "Issued") -> CallToolResult:
    expiry = in_utc(issued.token.expires_at)
    paid = "paid for before, nothing was paid now" if issued.reused else "just paid for"
    return told(
        f"Token {issued.token.value} ({paid}), good for one upload_with_token(path, token) until {expiry}.",
        TokenTold(token=issued.token.value, expires_at=expiry, reused=issued.reused),
    )
