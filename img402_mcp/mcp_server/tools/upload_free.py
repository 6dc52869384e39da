"""`upload_free(path)`: a local image becomes a public URL, at no cost."""

from img402_mcp.mcp_server.results import Answer, Fit, UploadResult, upload_answer, upload_options
from img402_mcp.mcp_server.session import ToolContext


async def upload_free(  # noqa: PLR0913  # what the model may name
    ctx: ToolContext,
    path: str,
    *,
    fit: Fit = "auto",
    width: int = 0,
    fresh: bool = False,
    keep: bool | None = None,
) -> Answer[UploadResult]:
    uploader = await ctx.session.uploader()
    return upload_answer(await uploader.upload(path, ctx.progress, upload_options(fit, width, fresh=fresh, keep=keep)))
