"""`payment_status()`: the wallet, what was spent, what is left, what is open."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from mcp.server.mcpserver.tools import Tool
from mcp_types import CallToolResult, ToolAnnotations
from pydantic import Field

from img402_mcp.mcp_server.results import ToolContext, ToolResult, errors_as_tool_errors, paid_uploader, tool_result
from img402_mcp.wire.x402 import usdc

if TYPE_CHECKING:
    from img402_mcp.client.paid_upload import Status
    from img402_mcp.client.payments.journal import Payment

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
    return tool_result(in_words(status), _answer(status))


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
        open_payments=[_open_in_words(payment) for payment in status.open],
    )


def _open_in_words(payment: "Payment") -> str:
    intent = payment.intent
    bought = f"file {intent.source[:12]}" if len(intent.source) == 64 else "a token"
    until = datetime.fromtimestamp(payment.valid_before, UTC)
    return (
        f"{usdc(payment.amount)} USDC to {urlsplit(intent.origin).netloc} for {bought}, nonce {payment.nonce}, "
        f"chargeable until {until:%Y-%m-%d %H:%M:%S}Z: {_NEXT[payment.state.value]}"
    )


_AGAIN = (
    "unclear; the same call again sends the same proof, and never pays twice. Past that time, IMG402_RPC_URL or "
    "`img402-mcp wallet resolve` closes it"
)
_NEXT = {
    "signed": "not sent yet; the same call again sends it",
    "sent": _AGAIN,
    "ambiguous": _AGAIN,
    "answered": "paid; what it bought is still to be used, by the same call again",
    "undelivered": "charged, but not delivered; the same call again asks for it",
}


def in_words(status: "Status") -> str:
    return "\n".join(
        (
            f"Wallet {status.address} on {', '.join(status.networks)}",
            f"Spent in 24 hours: {usdc(status.spent_today)} USDC, left: {usdc(status.left_today)}",
            f"Spent in all: {usdc(status.spent_in_all)} USDC",
            *([_open_in_words(payment) for payment in status.open] or ["No payment is open."]),
        )
    )
