"""`upload_free(path)`: a local image becomes a public URL, at no cost."""

from typing import Annotated

from mcp.server.mcpserver.tools import Tool
from mcp_types import CallToolResult, ToolAnnotations

from img402_mcp.tools.doors import UploadTold, Visit, errors_told, free_corridor, progress_of, upload_told

DESCRIPTION = (
    "Upload a local image file (PNG, JPEG, GIF, WebP) for free and get a public URL and markdown. "
    "Pass its path; never read or encode the file. Anyone can see it, and it cannot be deleted."
)


async def upload_free(path: str, ctx: Visit) -> Annotated[CallToolResult, UploadTold]:
    async with errors_told():
        return upload_told(await (await free_corridor(ctx)).upload(path, progress_of(ctx)))


def tool() -> Tool:
    return Tool.from_function(
        upload_free,
        title="Upload an image",
        description=DESCRIPTION,
        annotations=ToolAnnotations(
            read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=True
        ),
    )
