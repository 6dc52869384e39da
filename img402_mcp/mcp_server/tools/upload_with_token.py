"""`upload_with_token(path, token)`: a local image becomes a lasting URL with a token that is paid for already."""

from img402_mcp.mcp_server.results import Answer, Fit, UploadResult, upload_answer, upload_options
from img402_mcp.mcp_server.session import ToolContext


async def upload_with_token(
    ctx: ToolContext, path: str, token: str, fit: Fit = "auto", width: int = 0
) -> Answer[UploadResult]:
    from img402_mcp.client.token_upload import with_foreign_token  # noqa: PLC0415  # most sessions never pay

    options = upload_options(fit, width)
    if ctx.session.has_wallet:
        paid = await ctx.session.paid()
        return upload_answer(await paid.upload_with_token(path, token.strip(), ctx.progress, options))
    uploader = await ctx.session.uploader()
    return upload_answer(await with_foreign_token(uploader, path, token.strip(), ctx.progress, options))
