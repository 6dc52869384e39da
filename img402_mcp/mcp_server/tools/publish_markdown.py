"""`publish_markdown(path)`: the local images of a document become public URLs in it."""

from typing import TYPE_CHECKING, Annotated

from mcp.server.mcpserver.tools import Tool
from mcp_types import CallToolResult, ToolAnnotations

from img402_mcp.mcp_server.results import ToolContext, ToolResult, errors_as_tool_errors, free_uploader, tool_result

if TYPE_CHECKING:
    from img402_mcp.client.publish.report import Fields
    from img402_mcp.client.upload import Progress

DESCRIPTION = "Upload the local images of a Markdown/HTML file for free and rewrite it, to `out` or the answer"
LONGEST = 20_000  # bytes, some 6,000 tokens: more of a document is better left in a file


class PublishedImageResult(ToolResult):
    image: str
    url: str = ""
    size_bytes: int | None = None
    reason: str = ""
    note: str = ""


class PublishResult(ToolResult):
    uploads: tuple[PublishedImageResult, ...] = ()
    would_upload: tuple[PublishedImageResult, ...] = ()
    failures: tuple[PublishedImageResult, ...] = ()
    left_alone: tuple[PublishedImageResult, ...] = ()
    out: str = ""
    note: str = ""
    text: str = ""


async def publish_markdown(
    path: str,
    ctx: ToolContext,
    out: str = "",
    dry_run: bool = False,  # noqa: FBT001, FBT002  # the names of a tool's arguments
    overwrite: bool = False,  # noqa: FBT001, FBT002  # the same
) -> Annotated[CallToolResult, PublishResult]:
    from img402_mcp.client.publish import report  # noqa: PLC0415  # with the parsers, which few sessions need
    from img402_mcp.client.publish.publish import PublishOptions, plan, publish  # noqa: PLC0415  # the same

    wanted = PublishOptions(path, out, overwrite, LONGEST, by_tool=True)
    async with errors_as_tool_errors():
        uploader = await free_uploader(ctx)
        if dry_run:
            return _answer(report.planned(await plan(uploader, wanted)))
        return _answer(report.published(await publish(uploader, wanted, _counting(ctx))))


def tool() -> Tool:
    return Tool.from_function(
        publish_markdown,
        title="Publish a document's images",
        description=DESCRIPTION,
        annotations=ToolAnnotations(
            read_only_hint=False, destructive_hint=True, idempotent_hint=False, open_world_hint=True
        ),
    )


def _answer(fields: "Fields") -> CallToolResult:
    from img402_mcp.client.publish.report import lines  # noqa: PLC0415  # the parsers are here by now

    text = f"\n\n{fields['text']}" if fields.get("text") else ""
    return tool_result("\n".join(lines(fields)) + text, PublishResult.model_validate(fields))


def _counting(ctx: ToolContext) -> "Progress":
    async def progress(done: int, total: int) -> None:
        await ctx.report_progress(done, total, "images")

    return progress
