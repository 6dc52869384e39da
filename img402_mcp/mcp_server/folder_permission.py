"""For a path outside the allowed folders, the person is asked to allow its folder, if the client can ask.

The folder comes from the path's text, and the question is the same for existing and missing folders. Yes and no both
count as long as this server runs: nobody is asked twice about one folder.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anyio.to_thread import run_sync
from mcp_types import InputRequiredResult

from img402_mcp.client.files.roots import MAX_PATH_LENGTH
from img402_mcp.client.settings.folders import why_not_allowed
from img402_mcp.errors import OutsideRoots, quoted
from img402_mcp.mcp_server.approval import answered, ask, can_ask

if TYPE_CHECKING:
    from mcp.server.mcpserver import Context

    from img402_mcp.mcp_server.session import Session, ToolContext

_ASKED = "allow"
MOST_QUESTIONS = 10
"""The most questions of one server, so that an agent cannot wear a person down."""


async def ask_for_folder(
    refused: OutsideRoots, session: "Session", context: "Context[Any, Any]"
) -> InputRequiredResult | bool:
    """The question, or whether the person has answered it now; False if nobody is asked."""
    folder = await _folder_to_ask_for(refused, session, context)
    if folder is None:
        return False
    text = (
        f"Allow uploads from {quoted(str(folder), MAX_PATH_LENGTH)}? Agents can then upload every image below it to a "
        "public URL until this server ends."
    )
    said = await ask(context, _ASKED, text, "Allow it until this server ends", str(folder))
    if isinstance(said, InputRequiredResult):
        return said
    _take(folder, session, agreed=said)
    return True


async def ask_before_many(ctx: "ToolContext", patterns: Sequence[str]) -> None:
    """Asks before the first file is sent. Raises OutsideRoots for a folder that needs a question."""
    from img402_mcp.client.files.look_alikes import outside_roots  # noqa: PLC0415  # only a call needs it

    roots = ctx.session.allow_list.roots()
    for refused in await run_sync(outside_roots, patterns, roots) if ctx.approval.can_elicit else ():
        if await _folder_to_ask_for(refused, ctx.session, ctx.request):
            raise refused


async def _folder_to_ask_for(refused: OutsideRoots, session: "Session", context: "Context[Any, Any]") -> Path | None:
    """None if nobody can be asked, somebody was asked before, or not even the user can allow it."""
    if not can_ask(context) or len(session.asked_for) >= MOST_QUESTIONS:
        return None
    folder = Path(await run_sync(lambda: os.path.realpath(refused.folder)))
    too_wide = await run_sync(why_not_allowed, folder)
    is_known = folder in session.asked_for or session.allow_list.roots().contain(folder)
    return None if is_known or too_wide else folder


def take_answer(session: "Session", context: "Context[Any, Any]") -> None:
    """Records the answer that came with this call, if the question ended an earlier one."""
    if said := answered(context, _ASKED):
        _take(Path(said[0]), session, agreed=said[1])


def _take(folder: Path, session: "Session", *, agreed: bool) -> None:
    session.asked_for.add(folder)
    if agreed:
        session.allow_list.allow(folder)
