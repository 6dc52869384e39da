"""`upload_batch(paths)`: many local images at once; with the uploads and the failures in one answer."""

import json
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from img402_mcp.client.result_text import note_of, remark, upload_fields
from img402_mcp.mcp_server.folder_permission import ask_before_many
from img402_mcp.mcp_server.results import Answer, Fit, upload_options
from img402_mcp.mcp_server.session import ToolContext

if TYPE_CHECKING:
    from img402_mcp.client.batch import Batch, Success
    from img402_mcp.client.upload import Progress


class BatchUploaded(NamedTuple):
    path: str
    url: str
    expires_at: str | None
    reused: bool = False
    done: str = ""
    verified: bool | None = None
    note: str = ""


class BatchFailed(NamedTuple):
    path: str
    error: str


class BatchResult(NamedTuple):
    uploads: list[BatchUploaded]
    failures: list[BatchFailed]
    retry: list[str]
    """Failures that may succeed later with the same file."""
    markdown: str
    note: str = ""


async def upload_batch(  # noqa: PLR0913  # what the model may name
    ctx: ToolContext,
    paths: list[str],
    *,
    fit: Fit = "auto",
    pairs: bool = False,
    width: int = 0,
    keep: bool | None = None,
) -> Answer[BatchResult]:
    from img402_mcp.client.batch import lives_of, markdown, upload_matching  # noqa: PLC0415  # few sessions need it

    uploader = await ctx.session.uploader()
    upload = partial(uploader.upload, options=upload_options(fit, width, keep=keep))
    await ask_before_many(ctx, paths)
    batch = await upload_matching(upload, paths, uploader.roots, _progress_of(ctx))
    block, lives = markdown(batch, pairs=pairs), lives_of(batch)
    return Answer(_in_words(batch, block, lives), _structured(batch, block, lives), is_error=not batch.uploads)


def _progress_of(ctx: ToolContext) -> "Progress":
    from img402_mcp.client.batch import PARTS  # noqa: PLC0415  # the call has imported it

    async def progress(parts: int, total: int) -> None:
        await ctx.report(parts, total, f"{parts // PARTS} of {total // PARTS} images")

    return progress


def _structured(batch: "Batch", block: str, lives: str) -> BatchResult:
    return BatchResult(
        uploads=[_one_uploaded(each) for each in batch.uploads],
        failures=[BatchFailed(path=each.path, error=str(each.error)) for each in batch.failures],
        retry=list(batch.retry),
        markdown=block,
        note=lives,
    )


def _one_uploaded(uploaded: "Success") -> BatchUploaded:
    """The lifetime is said once for all."""
    fields = upload_fields(uploaded.upload) | {"path": uploaded.path, "note": note_of(uploaded.upload)}
    return BatchUploaded(**{name: fields[name] for name in BatchUploaded._fields if name in fields})


def _in_words(batch: "Batch", block: str, lives: str) -> str:
    from img402_mcp.client.batch import in_words  # noqa: PLC0415  # the call has imported it

    remarks = [line for each in batch.uploads if (line := remark(each))]
    failures = [f"FAILED {in_words(failure)}" for failure in batch.failures]
    counts = f"{len(batch.uploads)} uploaded, {len(batch.failures)} failed, {len(batch.unsent)} not tried."
    summary = " ".join(filter(None, (counts, lives)))
    return "\n".join(filter(None, (block, summary, *remarks, *failures, *_rest(batch))))


def _rest(batch: "Batch") -> list[str]:
    if not batch.retry:
        return []
    why = [f"Stopped early: {batch.stopped_by}"] if batch.unsent else []
    return [*why, f"To retry, later: upload_batch with paths {json.dumps(batch.retry, ensure_ascii=False)}"]
