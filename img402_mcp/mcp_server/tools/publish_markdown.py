"""`publish_markdown(path)`: the local images of a document become public URLs in it."""

from typing import TYPE_CHECKING, Any, NamedTuple

from img402_mcp.mcp_server.results import Answer
from img402_mcp.mcp_server.session import ToolContext

if TYPE_CHECKING:
    from img402_mcp.client.publish.report import Report
    from img402_mcp.client.upload import Progress

LONGEST = 20_000  # bytes, some 6,000 tokens: more of a document is better left in a file


class PublishedImageResult(NamedTuple):
    image: str
    url: str = ""
    size_bytes: int | None = None
    reason: str = ""
    note: str = ""


class PublishResult(NamedTuple):
    uploads: tuple[PublishedImageResult, ...] = ()
    would_upload: tuple[PublishedImageResult, ...] = ()
    failures: tuple[PublishedImageResult, ...] = ()
    left_alone: tuple[PublishedImageResult, ...] = ()
    out: str = ""
    note: str = ""
    text: str = ""


async def publish_markdown(  # noqa: PLR0913, PLR0917  # what the model may name
    ctx: ToolContext,
    path: str,
    out: str = "",
    dry_run: bool = False,  # noqa: FBT001, FBT002  # the names of a tool's arguments
    overwrite: bool = False,  # noqa: FBT001, FBT002  # the same
    keep: bool = True,  # noqa: FBT001, FBT002  # the same
) -> Answer[PublishResult]:
    from img402_mcp.client.publish import report  # noqa: PLC0415  # with the parsers, which few sessions need
    from img402_mcp.client.publish.publish import PublishOptions, plan, publish  # noqa: PLC0415  # the same

    wanted = PublishOptions(path, out, overwrite, LONGEST, by_tool=True, keep=keep)
    uploader = await ctx.session.uploader()
    if dry_run:
        return _answer(report.planned(await plan(uploader, wanted)))
    return _answer(report.published(await publish(uploader, wanted, _counting(ctx))))


def _answer(report: "Report") -> Answer[PublishResult]:
    from img402_mcp.client.publish.report import lines  # noqa: PLC0415  # the parsers are here by now

    text = f"\n\n{report.fields['text']}" if report.fields.get("text") else ""
    shown: dict[str, Any] = {
        name: tuple(PublishedImageResult(**each) for each in listed) if isinstance(listed, list) else listed
        for name, listed in report.fields.items()
    }
    return Answer("\n".join(lines(report)) + text, PublishResult(**shown))


def _counting(ctx: ToolContext) -> "Progress":
    async def progress(done: int, total: int) -> None:
        await ctx.report(done, total, "images")

    return progress
