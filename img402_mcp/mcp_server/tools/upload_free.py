"""`upload_free(path)`: a local image becomes a public URL, at no cost."""

from typing import Annotated

from mcp.server.mcpserver.tools import Tool
from mcp_types import CallToolResult, ToolAnnotations

from img402_mcp.mcp_server.results import (
    Fit,
    UploadTold,
    Visit,
    errors_told,
    free_corridor,
    progress_of,
    upload_told,
    wish,
)

DESCRIPTION = "Upload a local image for free: get a public URL and markdown. Pass the path, not bytes. No delete."


async def upload_free(
    path: str, ctx: Visit, *, fit: Fit = "auto", width: int = 0, fresh: bool = False
) -> Annotated[CallToolResult, UploadTold]:
    async with errors_told():
        corridor = await free_corridor(ctx)
        return upload_told(await corridor.upload(path, progress_of(ctx), wish(fit, width, fresh=fresh)))


def tool() -> Tool:
    return Tool.from_function(
        upload_free,
        title="Upload an image",
        description=DESCRIPTION,
        annotations=ToolAnnotations(
            read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=True
        ),
    )
