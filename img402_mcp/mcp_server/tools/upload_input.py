"""`upload_input(path)`: a local image becomes an input for the studio's workflows."""

from typing import TYPE_CHECKING, Annotated

from mcp.server.mcpserver.tools import Tool
from mcp_types import CallToolResult, ToolAnnotations

from img402_mcp.mcp_server.results import (
    Fit,
    ToolContext,
    ToolResult,
    errors_as_tool_errors,
    progress_of,
    tool_result,
    upload_options,
)

if TYPE_CHECKING:
    from img402_mcp.client.studio_upload import Input

DESCRIPTION = (
    "Upload a local PNG, JPEG or WebP to the studio as a workflow's input. Pass upload_key to workflows; "
    "image_url is a preview that soon expires."
)


class InputResult(ToolResult):
    upload_key: str
    image_url: str | None
    done: str = ""
    note: str = ""


async def upload_input(path: str, ctx: ToolContext, fit: Fit = "auto") -> Annotated[CallToolResult, InputResult]:
    inputs = ctx.request_context.lifespan_context.inputs
    if inputs is None:
        raise RuntimeError("this tool is listed only where the studio is configured")
    async with errors_as_tool_errors():
        return _input_told(await (await inputs()).upload(path, progress_of(ctx), upload_options(fit)))


def tool() -> Tool:
    return Tool.from_function(
        upload_input,
        title="Upload a workflow's input",
        description=DESCRIPTION,
        annotations=ToolAnnotations(
            read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=True
        ),
    )


def _input_told(done: "Input") -> CallToolResult:
    stored, size = done.stored, done.image.picture
    note = "" if stored.image_url else "The API named no usable preview URL."
    preview = f"image_url: {stored.image_url} (a preview that soon expires, no input)" if stored.image_url else note
    facts = f"{size.format.media_type}, {size.width}x{size.height}, {len(done.image.data)} bytes"
    changed = "; ".join(done.image.done)
    facts += f". Sent after: {changed}." if changed else ""
    return tool_result(
        f"upload_key: {stored.upload_key} (for workflows, durable)\n{preview}\n{facts}",
        InputResult(upload_key=stored.upload_key, image_url=stored.image_url, done=changed, note=note),
    )
