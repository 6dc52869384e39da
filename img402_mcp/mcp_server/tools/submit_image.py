"""`submit_image(project_id, submission_id, path)`: a local image becomes a submission to an io42 project."""

from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from mcp.server.elicitation import ElicitationResult
from mcp.server.mcpserver.resolve import Elicit, Resolve
from mcp.server.mcpserver.tools import Tool
from mcp_types import CallToolResult, ToolAnnotations

from img402_mcp.mcp_server.approval import Consent, asks, can_ask, consent
from img402_mcp.mcp_server.results import (
    Fit,
    ToolContext,
    ToolResult,
    errors_as_tool_errors,
    free_uploader,
    progress_of,
    tool_result,
    upload_options,
)

if TYPE_CHECKING:
    from img402_mcp.client.io42_submit import Io42Submitter, Submitted

DESCRIPTION = "Submit a local image to io42. May SPEND MONEY once (its fee)."


class SubmitResult(ToolResult):
    submission_id: str
    media_file_id: str
    fee_usdc: str
    transaction: str = ""
    reused: bool = False
    done: str = ""


async def uploader(ctx: ToolContext) -> "Io42Submitter":
    submitting = ctx.request_context.lifespan_context.submitting
    if submitting is None:
        raise RuntimeError("this tool is listed only where io42 is configured")
    return await submitting()


async def fee(ctx: ToolContext, project_id: str, submission_id: str, path: str, fit: Fit) -> int | None:
    """What is asked now, in atomic units; None where nobody needs to be asked, or can be."""
    async with errors_as_tool_errors():
        if not asks(await free_uploader(ctx)) or not can_ask(ctx):
            return None
        from img402_mcp.client.apis.io42 import SubmissionTarget  # noqa: PLC0415  # the uploader imports it

        return await (await uploader(ctx)).fee(SubmissionTarget(project_id, submission_id), path, upload_options(fit))


Fee = Annotated[int | None, Resolve(fee)]


async def answered(ctx: ToolContext, project_id: str, submission_id: str, fee: Fee) -> Consent | Elicit[Consent]:
    if fee is None:
        return Consent(pay=False)
    from img402_mcp.wire.x402 import usdc  # noqa: PLC0415  # most sessions never pay

    where = urlsplit((await uploader(ctx)).service.api_url).netloc
    return Elicit(
        f"Pay {usdc(fee)} USDC to {where} as the entry fee of submission {submission_id} to project {project_id}?",
        Consent,
    )


Answered = Annotated[ElicitationResult[Consent], Resolve(answered)]


async def submit_image(  # noqa: PLR0913, PLR0917  # four are the model's, three are filled in here
    project_id: str, submission_id: str, path: str, ctx: ToolContext, fee: Fee, answer: Answered, fit: Fit = "auto"
) -> Annotated[CallToolResult, SubmitResult]:
    from img402_mcp.client.apis.io42 import SubmissionTarget  # noqa: PLC0415  # the uploader imports it

    async with errors_as_tool_errors():
        here = await uploader(ctx)
        submission = SubmissionTarget(project_id, submission_id)
        approve = consent(here.uploader, fee, answer)
        return _submitted_told(await here.submit(submission, path, progress_of(ctx), approve, upload_options(fit)))


def tool() -> Tool:
    return Tool.from_function(
        submit_image,
        title="Submit an image to io42",
        description=DESCRIPTION,
        annotations=ToolAnnotations(
            read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=True
        ),
    )


def _submitted_told(done: "Submitted") -> CallToolResult:
    from img402_mcp.wire.x402 import usdc  # noqa: PLC0415  # the uploader imports it

    answer = SubmitResult(
        submission_id=done.submission.submission_id,
        media_file_id=done.media_file_id,
        fee_usdc=usdc(done.fee),
        transaction=done.transaction,
        reused=done.reused,
        done="; ".join(done.image.done),
    )
    return tool_result(_in_words(done, answer), answer)


def _in_words(done: "Submitted", answer: SubmitResult) -> str:
    size, kind = done.image.picture, done.image.picture.format
    fee = f"The fee of {answer.fee_usdc} USDC was paid" if done.fee else "No fee was asked"
    transaction = f" (transaction {answer.transaction})" if answer.transaction else ""
    before = " It was delivered before; nothing was paid or sent now." if answer.reused else ""
    changed = f" Sent after: {answer.done}." if answer.done else ""
    media = f", media file {answer.media_file_id}" if answer.media_file_id else ""
    return (
        f"Submitted to project {done.submission.project_id} as {answer.submission_id}{media}: {kind.media_type}, "
        f"{size.width}x{size.height}, {len(done.image.data)} bytes. {fee}{transaction}.{before}{changed}"
    )
