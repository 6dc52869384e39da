"""`upload_free(path)`: a local image becomes a public URL, at no cost."""

from typing import Annotated

from mcp.server.mcpserver.tools import Tool
from mcp_types import CallToolResult, ToolAnnotations

from img402_mcp.mcp_server.results import (
    Fit,
    ToolContext,
    UploadResult,
    errors_as_tool_errors,
    free_uploader,
    progress_of,
    upload_options,
    upload_result,
)

DESCRIPTION = "Upload a local image for free: get a public URL and markdown. Pass the path, not bytes. No delete."


async def upload_free(
    path: str, ctx: ToolContext, *, fit: Fit = "auto", width: int = 0, fresh: bool = False
) -> Annotated[CallToolResult, UploadResult]:
    async with errors_as_tool_errors():
        uploader = await free_uploader(ctx)
        return upload_result(await uploader.upload(path, progress_of(ctx), upload_options(fit, width, fresh=fresh)))


def tool() -> Tool:
    return Tool.from_function(
        upload_free,
        title="Upload an image",
        description=DESCRIPTION,
        annotations=ToolAnnotations(
            read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=True
        ),
    )
