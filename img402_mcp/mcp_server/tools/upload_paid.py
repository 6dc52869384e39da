"""`upload_paid(path)`: a local image becomes a lasting URL; the wallet pays for it, once."""

from typing import Annotated

from mcp.server.mcpserver.tools import Tool
from mcp_types import CallToolResult, ToolAnnotations

from img402_mcp.mcp_server.approval import AnsweredForFile, FilePrice, consent
from img402_mcp.mcp_server.results import (
    Fit,
    UploadTold,
    Visit,
    errors_told,
    paid_corridor,
    progress_of,
    upload_told,
    wish,
)

DESCRIPTION = (
    "Upload a local image to last. SPENDS MONEY (USDC), once a file: calling again never pays twice. "
    "upload_free is mostly enough."
)


async def upload_paid(  # noqa: PLR0913  # three are the model's, three are filled in here
    path: str, ctx: Visit, *, price: FilePrice, answer: AnsweredForFile, fit: Fit = "auto", width: int = 0
) -> Annotated[CallToolResult, UploadTold]:
    async with errors_told():
        paid = await paid_corridor(ctx)
        if paid is None:
            raise RuntimeError("this tool is listed only where there is a wallet")
        approve = consent(paid.corridor, price, answer)
        return upload_told(await paid.upload(path, progress_of(ctx), approve, wish(fit, width)))


def tool() -> Tool:
    return Tool.from_function(
        upload_paid,
        title="Upload an image for money",
        description=DESCRIPTION,
        annotations=ToolAnnotations(
            read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=True
        ),
    )
