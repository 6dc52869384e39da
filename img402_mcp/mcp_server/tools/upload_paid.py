"""`upload_paid(path)`: a local image becomes a lasting URL; the wallet pays for it, once."""

from typing import Annotated

from mcp.server.mcpserver.tools import Tool
from mcp_types import CallToolResult, ToolAnnotations

from img402_mcp.mcp_server.approval import AnsweredForFile, FilePrice, consent
from img402_mcp.mcp_server.results import (
    Fit,
    ToolContext,
    UploadResult,
    errors_as_tool_errors,
    paid_uploader,
    progress_of,
    upload_options,
    upload_result,
)

DESCRIPTION = (
    "Upload a local image to last. SPENDS MONEY (USDC), once a file: calling again never pays twice. "
    "upload_free is mostly enough."
)


async def upload_paid(  # noqa: PLR0913  # three are the model's, three are filled in here
    path: str, ctx: ToolContext, *, price: FilePrice, answer: AnsweredForFile, fit: Fit = "auto", width: int = 0
) -> Annotated[CallToolResult, UploadResult]:
    async with errors_as_tool_errors():
        paid = await paid_uploader(ctx)
        if paid is None:
            raise RuntimeError("this tool is listed only where there is a wallet")
        approve = consent(paid.uploader, price, answer)
        return upload_result(await paid.upload(path, progress_of(ctx), approve, upload_options(fit, width)))


def tool() -> Tool:
    return Tool.from_function(
        upload_paid,
        title="Upload an image for money",
        description=DESCRIPTION,
        annotations=ToolAnnotations(
            read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=True
        ),
    )
