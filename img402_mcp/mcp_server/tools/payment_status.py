"""`payment_status()`: the wallet, the spending, the remaining budget and the open payments."""

from typing import TYPE_CHECKING, NamedTuple

from img402_mcp.client.result_text import open_payment_text, status_text
from img402_mcp.mcp_server.results import Answer
from img402_mcp.mcp_server.session import ToolContext
from img402_mcp.mcp_server.tool import READS_HERE, ToolEntry
from img402_mcp.wire.x402 import usdc

if TYPE_CHECKING:
    from img402_mcp.client.paid_upload import Status


class PaymentStatusResult(NamedTuple):
    address: str
    networks: list[str]
    spent_24h_usdc: str
    spent_in_all_usdc: str
    left_24h_usdc: str
    open_payments: tuple[str, ...] = ()
    note: str = ""


async def payment_status(ctx: ToolContext) -> Answer[PaymentStatusResult]:
    status = await (await ctx.session.paid()).status()
    return Answer(status_text(status), _result(status))


def _result(status: "Status") -> PaymentStatusResult:
    return PaymentStatusResult(
        address=status.address,
        networks=[*status.networks],
        spent_24h_usdc=usdc(status.spent_today),
        spent_in_all_usdc=usdc(status.spent_in_all),
        left_24h_usdc=usdc(status.left_today),
        open_payments=tuple(open_payment_text(payment) for payment in status.open),
    )


ENTRY = ToolEntry(
    payment_status,
    "Payments",
    "The wallet's address, what was spent and is left, and what becomes of open payments. Never pays.",
    READS_HERE,
)
