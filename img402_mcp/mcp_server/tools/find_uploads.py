"""`find_uploads(query, expiring_within_days)`: what was uploaded before, and where it is now."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from anyio import to_thread
from mcp.server.mcpserver.tools import Tool
from mcp_types import CallToolResult, ToolAnnotations

from img402_mcp.client.result_text import in_utc
from img402_mcp.errors import quoted
from img402_mcp.mcp_server.results import (
    ToolContext,
    ToolResult,
    errors_as_tool_errors,
    free_uploader,
    tool_result,
)

if TYPE_CHECKING:
    from img402_mcp.client.history import HistoryEntry
    from img402_mcp.client.upload import Uploader

DESCRIPTION = (
    "Find images uploaded before and their URLs. query: part of a path or URL; "
    "expiring_within_days: only those that expire so soon."
)
MOST_SHOWN = 20
NO_HISTORY = (
    "Earlier uploads are not known: the history is switched off (IMG402_HISTORY=off), or its folder cannot be used, "
    "which `img402-mcp doctor` tells."
)


class FoundUpload(ToolResult):
    url: str
    path: str
    at: str
    expires_at: str | None
    note: str = ""


class FindUploadsResult(ToolResult):
    uploads: list[FoundUpload]
    more: int = 0
    note: str = ""


async def find_uploads(
    ctx: ToolContext, query: str = "", expiring_within_days: int = 0
) -> Annotated[CallToolResult, FindUploadsResult]:
    async with errors_as_tool_errors():
        uploader = await free_uploader(ctx)
        if uploader.history is None:
            return tool_result(NO_HISTORY, FindUploadsResult(uploads=[], note=NO_HISTORY))
        answer = await to_thread.run_sync(_search, uploader, query, expiring_within_days)
    return tool_result(_in_words(answer), answer)


def tool() -> Tool:
    return Tool.from_function(
        find_uploads,
        title="Find earlier uploads",
        description=DESCRIPTION,
        annotations=ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False),
    )


def _search(uploader: "Uploader", query: str, days: int) -> FindUploadsResult:
    """Of the files in this session's folders alone: the history is the user's, and others look at other folders."""
    from img402_mcp.client.history import expiring_before  # noqa: PLC0415  # a uploader is open by now

    now = time.time()
    known = uploader.history.find(query, expiring_before(now, days), now=now, limit=-1) if uploader.history else []
    entries = [entry for entry in known if uploader.roots.contain(Path(entry.path))]
    shown = [_found(entry, now) for entry in entries[:MOST_SHOWN]]
    return FindUploadsResult(uploads=shown, more=len(entries) - len(shown))


def _found(entry: "HistoryEntry", now: float) -> FoundUpload:
    expires_at = None if entry.expires_at is None else _moment(entry.expires_at)
    return FoundUpload(
        url=entry.url, path=entry.path, at=_moment(entry.at), expires_at=expires_at, note=_note(entry, now)
    )


def _moment(at: float) -> str:
    return in_utc(datetime.fromtimestamp(at, UTC))


def _note(entry: "HistoryEntry", now: float) -> str:
    if entry.gone:
        return "gone: it serves the image no more"
    if not entry.expiry_known:
        return "expiry unknown"
    return "expired" if entry.expires_at is not None and entry.expires_at <= now else ""


def _in_words(answer: FindUploadsResult) -> str:
    if not answer.uploads:
        return "No such upload is known."
    more = [f"{answer.more} more; narrow the query."] if answer.more else []
    return "\n".join((*map(_line, answer.uploads), *more))


def _line(found: FoundUpload) -> str:
    expiry = found.note or (f"expires {found.expires_at}" if found.expires_at else "no expiry")
    return f"{found.url} {quoted(found.path)} uploaded {found.at}, {expiry}"
