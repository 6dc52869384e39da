"""`payment_status()`: the wallet, what was spent, what is left, what is open."""

from typing import TYPE_CHECKING, Annotated

from mcp.server.mcpserver.tools import Tool
from mcp_types import CallToolResult, ToolAnnotations
from pydantic import Field

from img402_mcp.client.result_text import open_payment_text, status_text
from img402_mcp.mcp_server.results import ToolContext, ToolResult, errors_as_tool_errors, paid_uploader, tool_result
from img402_mcp.wire.x402 import usdc

if TYPE_CHECKING:
    from img402_mcp.client.paid_upload import Status

DESCRIPTION = (
    "Tell the wallet's address, what was spent today and in all, what is left, and what becomes of payments that are "
    "still open. Never pays."
)


class PaymentStatusResult(ToolResult):
    address: str
    networks: list[str]
    spent_24h_usdc: str
    spent_in_all_usdc: str
    left_24h_usdc: str
    open_payments: list[str] = Field(default_factory=list)


async def payment_status(ctx: ToolContext) -> Annotated[CallToolResult, PaymentStatusResult]:
    async with errors_as_tool_errors():
        paid = await paid_uploader(ctx)
        if paid is None:
            raise RuntimeError("this tool is listed only where there is a wallet")
        status = await paid.status()
    return tool_result(status_text(status), _answer(status))


def tool() -> Tool:
    return Tool.from_function(
        payment_status,
        title="Payments",
        description=DESCRIPTION,
        annotations=ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False),
    )


def _answer(status: "Status") -> PaymentStatusResult:
    return PaymentStatusResult(
        address=status.address,
        networks=[*status.networks],
        spent_24h_usdc=usdc(status.spent_today),
        spent_in_all_usdc=usdc(status.spent_in_all),
        left_24h_usdc=usdc(status.left_today),
        open_payments=[open_payment_text(payment) for payment in status.open],
    )
