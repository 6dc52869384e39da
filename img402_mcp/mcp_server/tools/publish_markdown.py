"""`publish_markdown(path)`: the local images of a document become public URLs in it."""

from typing import TYPE_CHECKING, Annotated

from mcp.server.mcpserver.tools import Tool
from mcp_types import CallToolResult, ToolAnnotations

from img402_mcp.mcp_server.results import Told, Visit, errors_told, free_corridor, told

if TYPE_CHECKING:
    from img402_mcp.client.publish.report import Fields
    from img402_mcp.client.upload import Progress

DESCRIPTION = "Upload the local images of a Markdown/HTML file for free and rewrite it, to `out` or the answer"
LONGEST = 20_000  # bytes, some 6,000 tokens: more of a document is better left in a file


class ImageTold(Told):
    image: str
    url: str = ""
    size_bytes: int | None = None
    reason: str = ""
    note: str = ""


class PublishTold(Told):
    uploads: tuple[ImageTold, ...] = ()
    would_upload: tuple[ImageTold, ...] = ()
    failures: tuple[ImageTold, ...] = ()
    left_alone: tuple[ImageTold, ...] = ()
    out: str = ""
    note: str = ""
    text: str = ""


async def publish_markdown(
    path: str,
    ctx: Visit,
    out: str = "",
    dry_run: bool = False,  # noqa: FBT001, FBT002  # the names of a tool's arguments
    overwrite: bool = False,  # noqa: FBT001, FBT002  # the same
) -> Annotated[CallToolResult, PublishTold]:
    from img402_mcp.client.publish import report  # noqa: PLC0415  # with the parsers, which few sessions need
    from img402_mcp.client.publish.publish import Wanted, plan, publish  # noqa: PLC0415  # the same

    wanted = Wanted(path, out, overwrite, LONGEST)
    async with errors_told():
        corridor = await free_corridor(ctx)
        if dry_run:
            return _answer(report.planned(await plan(corridor, wanted)))
        return _answer(report.published(await publish(corridor, wanted, _counting(ctx))))


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
    return told("\n".join(lines(fields)) + text, PublishTold.model_validate(fields))


def _counting(ctx: Visit) -> "Progress":
    async def progress(done: int, total: int) -> None:
        await ctx.report_progress(done, total, "images")

    return progress
