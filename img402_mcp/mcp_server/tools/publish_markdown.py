"""`publish_markdown(path)`: the local images of a document become public URLs in it."""

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from img402_mcp.mcp_server.results import Answer
from img402_mcp.mcp_server.session import ToolContext

if TYPE_CHECKING:
    from img402_mcp.client.publish.publish import Report

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
    from img402_mcp.client.publish.publish import (  # noqa: PLC0415  # with the parsers, which few sessions need
        PublishOptions,
        plan,
        publish,
    )

    wanted = PublishOptions(path, out, overwrite, LONGEST, by_tool=True, keep=keep)
    uploader = await ctx.session.uploader()
    if dry_run:
        return _answer(await plan(uploader, wanted))
    return _answer(await publish(uploader, wanted, partial(ctx.report, message="images")))


def _answer(report: "Report") -> Answer[PublishResult]:
    from img402_mcp.client.publish.publish import lines  # noqa: PLC0415  # the parsers are here by now

    text = f"\n\n{report.fields['text']}" if report.fields.get("text") else ""
    shown: dict[str, Any] = {
        name: tuple(PublishedImageResult(**each) for each in listed) if isinstance(listed, list) else listed
        for name, listed in report.fields.items()
    }
    return Answer("\n".join(lines(report)) + text, PublishResult(**shown))
