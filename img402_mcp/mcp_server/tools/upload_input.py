"""`upload_input(path)`: a local image becomes an input for the studio's workflows."""

from typing import TYPE_CHECKING, NamedTuple

from img402_mcp.mcp_server.results import Answer, Fit, upload_options
from img402_mcp.mcp_server.session import ToolContext
from img402_mcp.mcp_server.tool import ADDS, ToolEntry

if TYPE_CHECKING:
    from img402_mcp.client.apis.studio import StudioInput
    from img402_mcp.client.files.image import Image


class InputResult(NamedTuple):
    upload_key: str
    image_url: str | None
    done: str = ""
    note: str = ""


async def upload_input(ctx: ToolContext, path: str, fit: Fit = "auto") -> Answer[InputResult]:
    from img402_mcp.client.studio_upload import upload_to_studio  # noqa: PLC0415  # few sessions have a studio

    uploader = await ctx.session.uploader()
    return _answer(*await upload_to_studio(uploader, path, ctx.progress, upload_options(fit)))


def _answer(image: "Image", stored: "StudioInput") -> Answer[InputResult]:
    size = image.picture
    note = "" if stored.image_url else "The API named no usable preview URL."
    preview = f"image_url: {stored.image_url} (only a preview, which soon expires)" if stored.image_url else note
    facts = f"{size.format.media_type}, {size.width}x{size.height}, {len(image.data)} bytes."
    changed = "; ".join(image.done)
    facts += f" Sent after: {changed}." if changed else ""
    return Answer(
        f"upload_key: {stored.upload_key} (for workflows, durable)\n{preview}\n{facts}",
        InputResult(upload_key=stored.upload_key, image_url=stored.image_url, done=changed, note=note),
    )


ENTRY = ToolEntry(
    upload_input,
    "Upload a workflow's input",
    "Upload a local PNG, JPEG or WebP to the studio as a workflow's input. Pass upload_key to workflows; "
    "image_url is a preview that soon expires.",
    ADDS,
)
