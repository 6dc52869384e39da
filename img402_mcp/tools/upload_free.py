"""`upload_free(path)`: a local image becomes a public URL, at no cost."""

from typing import Annotated

from mcp.server.mcpserver.tools import Tool
from mcp_types import CallToolResult, ToolAnnotations
from pydantic import BaseModel

from img402_mcp.tools.doors import Visit, corridor, errors_told, told
from img402_mcp.upload import Upload

DESCRIPTION = (
    "Upload a local image file (PNG, JPEG, GIF, WebP) for free and get a public URL and markdown. "
    "Pass its path; never read or encode the file. Anyone can see it, and it cannot be deleted."
)


class Uploaded(BaseModel):
    url: str
    id: str
    content_type: str
    size_bytes: int
    expires_at: str | None
    width: int
    height: int
    markdown: str
    note: str = ""


async def upload_free(path: str, ctx: Visit) -> Annotated[CallToolResult, Uploaded]:
    async def progress(sent: int, total: int) -> None:
        await ctx.report_progress(sent, total, "uploading")

    async with errors_told():
        upload = await corridor(ctx).upload(path, progress)
    return told(_text(upload), _answer(upload))


def tool() -> Tool:
    return Tool.from_function(
        upload_free,
        title="Upload an image",
        description=DESCRIPTION,
        annotations=ToolAnnotations(
            read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=True
        ),
    )


def _answer(upload: Upload) -> Uploaded:
    receipt = upload.receipt
    expiry = receipt.expires_at
    return Uploaded(
        url=receipt.url,
        id=receipt.id,
        content_type=receipt.content_type,
        size_bytes=receipt.size_bytes,
        expires_at=expiry.strftime("%Y-%m-%dT%H:%M:%SZ") if expiry else None,
        width=upload.width,
        height=upload.height,
        markdown=upload.markdown,
        note=" ".join(receipt.notes),
    )


def _text(upload: Upload) -> str:
    receipt = upload.receipt
    expiry = f"expires {receipt.expires_at:%Y-%m-%d %H:%M}Z" if receipt.expires_at else "no expiry"
    told = f"{receipt.content_type}, {upload.width}x{upload.height}, {receipt.size_bytes} bytes, {expiry}"
    return "\n".join((upload.markdown, ". ".join((*receipt.notes, told) if receipt.notes else (told,))))
