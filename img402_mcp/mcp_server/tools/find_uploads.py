"""`find_uploads(query, expiring_within_days)`: what was uploaded before, and where it is now."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from anyio import to_thread

from img402_mcp.errors import printable, quoted
from img402_mcp.mcp_server.results import Answer
from img402_mcp.mcp_server.session import ToolContext
from img402_mcp.wire.moments import in_utc, moment_of

if TYPE_CHECKING:
    from img402_mcp.client.history import HistoryEntry
    from img402_mcp.client.upload import Uploader

MAX_SHOWN = 20
NO_HISTORY = (
    "Earlier uploads are not known: the history is switched off (IMG402_HISTORY=off), or its folder cannot be used, "
    "see `img402-mcp doctor`."
)
RENEW = "The user can have them uploaded again for free: `img402-mcp renew --expiring {days}`."


class FoundUpload(NamedTuple):
    url: str
    path: str
    at: str
    expires_at: str | None
    note: str = ""


class FindUploadsResult(NamedTuple):
    uploads: list[FoundUpload]
    more: int = 0
    note: str = ""


async def find_uploads(ctx: ToolContext, query: str = "", expiring_within_days: int = 0) -> Answer[FindUploadsResult]:
    uploader = await ctx.session.uploader()
    if uploader.history is None:
        return Answer(NO_HISTORY, FindUploadsResult(uploads=[], note=NO_HISTORY))
    found = await to_thread.run_sync(_search, uploader, query, expiring_within_days)
    return Answer(_in_words(found), found)


def _search(uploader: "Uploader", query: str, days: int) -> FindUploadsResult:
    """Only files in this session's folders: the history is the user's, and other sessions have other folders."""
    from img402_mcp.client.history import expiring_before  # noqa: PLC0415  # a uploader is open by now

    now = time.time()
    known = uploader.history.find(query, expiring_before(now, days), now=now, limit=-1) if uploader.history else []
    entries = [entry for entry in known if uploader.roots.contain(Path(entry.path))]
    shown = [_found(entry, now) for entry in entries[:MAX_SHOWN]]
    note = RENEW.format(days=days) if shown and days > 0 else ""
    return FindUploadsResult(uploads=shown, more=len(entries) - len(shown), note=note)


def _found(entry: "HistoryEntry", now: float) -> FoundUpload:
    expires_at = None if entry.expires_at is None else _moment(entry.expires_at)
    return FoundUpload(
        url=entry.url, path=printable(entry.path), at=_moment(entry.at), expires_at=expires_at, note=_note(entry, now)
    )


def _moment(at: float) -> str:
    return in_utc(moment_of(at))


def _note(entry: "HistoryEntry", now: float) -> str:
    if entry.gone:
        return "gone: the image no longer exists"
    if not entry.expiry_known:
        return "expiry unknown"
    return "expired" if entry.expires_at is not None and entry.expires_at <= now else ""


def _in_words(answer: FindUploadsResult) -> str:
    if not answer.uploads:
        return "No such upload is known."
    more = [f"{answer.more} more; narrow the query."] if answer.more else []
    return "\n".join((*map(_line, answer.uploads), *more, *filter(None, (answer.note,))))


def _line(found: FoundUpload) -> str:
    expiry = found.note or (f"expires {found.expires_at}" if found.expires_at else "no expiry")
    return f"{found.url} {quoted(found.path)} uploaded {found.at}, {expiry}"
