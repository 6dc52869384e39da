"""`submit_image(project_id, submission_id, path)`: a local image becomes a submission to an io42 project."""

from typing import TYPE_CHECKING, NamedTuple

from img402_mcp.mcp_server.results import Answer, Fit, upload_options
from img402_mcp.mcp_server.session import ToolContext
from img402_mcp.mcp_server.tool import PAYS_ONCE, ToolEntry

if TYPE_CHECKING:
    from img402_mcp.client.io42_submit import Submitted


class SubmitResult(NamedTuple):
    submission_id: str
    media_file_id: str
    fee_usdc: str
    transaction: str = ""
    reused: bool = False
    done: str = ""
    note: str = ""


async def submit_image(
    ctx: ToolContext, project_id: str, submission_id: str, path: str, fit: Fit = "auto"
) -> Answer[SubmitResult]:
    from img402_mcp.client.apis.io42 import SubmissionTarget  # noqa: PLC0415  # few sessions submit
    from img402_mcp.client.io42_submit import open_io42_submitter  # noqa: PLC0415

    submitter, target = await ctx.session.opened(open_io42_submitter), SubmissionTarget(project_id, submission_id)
    purpose = f"as the entry fee of submission {submission_id} to project {project_id}"
    approve = ctx.approval.approver(submitter.uploader, purpose)
    options = upload_options(fit)
    image = await ctx.read(submitter.uploader, path, options)
    return _answer(await submitter.submit(target, image, ctx.progress, approve, options))


def _answer(done: "Submitted") -> Answer[SubmitResult]:
    from img402_mcp.wire.x402 import usdc  # noqa: PLC0415  # the uploader imports it

    result = SubmitResult(
        submission_id=done.submission.submission_id,
        media_file_id=done.media_file_id,
        fee_usdc=usdc(done.fee),
        transaction=done.transaction,
        reused=done.reused,
        done="; ".join(done.image.done),
    )
    return Answer(_in_words(done, result), result)


def _in_words(done: "Submitted", result: SubmitResult) -> str:
    size, kind = done.image.picture, done.image.picture.format
    fee = f"The fee of {result.fee_usdc} USDC was paid" if done.fee else "No fee was asked"
    transaction = f" (transaction {result.transaction})" if result.transaction else ""
    before = " It was delivered before; nothing was paid or sent now." if result.reused else ""
    changed = f" Sent after: {result.done}." if result.done else ""
    media = f", media file {result.media_file_id}" if result.media_file_id else ""
    return (
        f"Submitted to project {done.submission.project_id} as {result.submission_id}{media}: {kind.media_type}, "
        f"{size.width}x{size.height}, {len(done.image.data)} bytes. {fee}{transaction}.{before}{changed}"
    )


ENTRY = ToolEntry(
    submit_image,
    "Submit an image to io42",
    "Submit an image to io42. May SPEND MONEY once (its fee).",
    PAYS_ONCE,
    spends=True,
)
