"""`upload_with_token(path, token)`: a local image becomes a lasting URL with a token that is paid for already."""

from typing import Annotated

from mcp.server.mcpserver.tools import Tool
from mcp_types import CallToolResult, ToolAnnotations

from img402_mcp.mcp_server.results import (
    Fit,
    ToolContext,
    UploadResult,
    errors_as_tool_errors,
    free_uploader,
    paid_uploader,
    progress_of,
    upload_options,
    upload_result,
)

DESCRIPTION = "Upload a local image with a token from get_upload_token or an x402 client. Pays nothing."


async def upload_with_token(
    path: str, token: str, ctx: ToolContext, fit: Fit = "auto", width: int = 0
) -> Annotated[CallToolResult, UploadResult]:
    from img402_mcp.client.token_upload import with_foreign_token  # noqa: PLC0415  # most sessions never pay

    progress = progress_of(ctx)
    async with errors_as_tool_errors():
        wished = upload_options(fit, width)
        if paid := await paid_uploader(ctx):
            return upload_result(await paid.upload_with_token(path, token.strip(), progress, wished))
        return upload_result(await with_foreign_token(await free_uploader(ctx), path, token.strip(), progress, wished))


def tool() -> Tool:
    return Tool.from_function(
        upload_with_token,
        title="Upload with a token",
        description=DESCRIPTION,
        annotations=ToolAnnotations(
            read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=True
        ),
    )
