"""`upload_with_token(path, token)`: a local image becomes a lasting URL with a token that is paid for already."""

from typing import Annotated

from mcp.server.mcpserver.tools import Tool
from mcp_types import CallToolResult, ToolAnnotations

from img402_mcp.mcp_server.results import (
    Fit,
    UploadTold,
    Visit,
    errors_told,
    free_corridor,
    paid_corridor,
    progress_of,
    upload_told,
    wish,
)

DESCRIPTION = "Upload a local image with a token from get_upload_token or an x402 client. Pays nothing."


async def upload_with_token(
    path: str, token: str, ctx: Visit, fit: Fit = "auto", width: int = 0
) -> Annotated[CallToolResult, UploadTold]:
    from img402_mcp.client.token_upload import with_foreign_token  # noqa: PLC0415  # most sessions never pay

    progress = progress_of(ctx)
    async with errors_told():
        wished = wish(fit, width)
        if paid := await paid_corridor(ctx):
            return upload_told(await paid.upload_with_token(path, token.strip(), progress, wished))
        return upload_told(await with_foreign_token(await free_corridor(ctx), path, token.strip(), progress, wished))


def tool() -> Tool:
    return Tool.from_function(
        upload_with_token,
        title="Upload with a token",
        description=DESCRIPTION,
        annotations=ToolAnnotations(
            read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=True
        ),
    )
