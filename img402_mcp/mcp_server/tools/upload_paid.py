"""`upload_paid(path)`: a local image becomes a lasting URL; the wallet pays for it, once."""

from img402_mcp.mcp_server.results import Answer, Fit, UploadResult, upload_answer, upload_options
from img402_mcp.mcp_server.session import ToolContext
from img402_mcp.mcp_server.tool import PAYS_ONCE, ToolEntry


async def upload_paid(ctx: ToolContext, path: str, fit: Fit = "auto", width: int = 0) -> Answer[UploadResult]:
    paid = await ctx.session.paid()
    approve, options = ctx.approval.approver(paid.uploader, "for one image upload"), upload_options(fit, width)
    image = await ctx.read(paid.uploader, path, options)
    return upload_answer(await paid.upload(image, ctx.progress, approve, options))


ENTRY = ToolEntry(
    upload_paid,
    "Upload an image for money",
    "Upload a local image to last. SPENDS MONEY (USDC) once a file; calling again never pays twice. Mostly "
    "upload_free is enough.",
    PAYS_ONCE,
    spends=True,
)
