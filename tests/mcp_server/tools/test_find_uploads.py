"""`find_uploads` through an MCP client, with a history that is full, empty or switched off."""

import sqlite3
import time
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.server.mcpserver import MCPServer
from mcp_types import TextContent

from img402_mcp.client.files.allow_list import AllowList
from img402_mcp.client.files.roots import Roots
from img402_mcp.client.history import History, HistoryEntry
from img402_mcp.client.settings.model import Settings
from img402_mcp.mcp_server.session import open_session
from img402_mcp.mcp_server.tools import tools
from tests.fakes.history import ENTRY

LONG_AGO = 1_700_000_000.0  # 2023-11-14T22:13:20Z
FAR = 4_000_000_000.0  # 2096-10-02T07:06:40Z


@dataclass(frozen=True)
class Known:
    """The history that a test writes, and where the server reads it."""

    state: Path
    history: History

    def remember(self, entry: HistoryEntry) -> None:
        self.history.remember(entry)


@asynccontextmanager
async def agent(state: Path, *, history: bool = True):
    settings = Settings("https://api.example", (), state, history=history)
    allow_list = AllowList(Roots((Path("/shots"),)))  # it need not exist to be searched for
    async with Client(
        MCPServer("test", tools=tools(), lifespan=lambda _: open_session(settings, allow_list))
    ) as client:
        yield client


@pytest.fixture
def history(tmp_path):
    with closing(History.open(tmp_path)) as opened:
        yield Known(tmp_path, opened)


def entry(name: str, expires_at: float | None = FAR, **changes: Any) -> HistoryEntry:
    known = replace(ENTRY, at=LONG_AGO, path=f"/shots/{name}.png", url=f"https://i.example/{name[:8]}.png")
    return replace(known, id=name[:8], expires_at=expires_at, **changes)


def found(name: str, expires_at: str | None = "2096-10-02T07:06:40Z", **note: str):
    known = {"url": f"https://i.example/{name[:8]}.png", "path": f"/shots/{name}.png", "at": "2023-11-14T22:13:20Z"}
    return known | {"expires_at": expires_at} | note


async def answer_of(known: Known, **arguments):
    async with agent(known.state) as client:
        result = await client.call_tool("find_uploads", arguments)
    (part,) = result.content
    assert isinstance(part, TextContent)
    assert not result.is_error, part.text
    return result.structured_content, part.text


async def test_earlier_uploads_are_in_the_structure_and_on_a_line_each(history):
    yesterday = int(time.time()) - 86_400
    history.remember(entry("old", yesterday))
    history.remember(entry("for good", None))
    history.remember(entry("who knows", None, expiry_known=False))
    history.remember(entry("lost", gone=True))
    history.remember(entry("new"))
    answer, text = await answer_of(history)
    assert answer == {
        "uploads": [
            found("new"),
            found("lost", note="gone: the image no longer exists"),
            found("who knows", None, note="expiry unknown"),
            found("for good", None),
            found("old", f"{datetime.fromtimestamp(yesterday, UTC):%Y-%m-%dT%H:%M:%SZ}", note="expired"),
        ]
    }
    assert text.splitlines() == [
        'https://i.example/new.png "/shots/new.png" uploaded 2023-11-14T22:13:20Z, expires 2096-10-02T07:06:40Z',
        'https://i.example/lost.png "/shots/lost.png" uploaded 2023-11-14T22:13:20Z, gone: the image no longer exists',
        'https://i.example/who know.png "/shots/who knows.png" uploaded 2023-11-14T22:13:20Z, expiry unknown',
        'https://i.example/for good.png "/shots/for good.png" uploaded 2023-11-14T22:13:20Z, no expiry',
        'https://i.example/old.png "/shots/old.png" uploaded 2023-11-14T22:13:20Z, expired',
    ]


async def test_a_query_and_a_time_narrow_it(history):
    soon = time.time() + 3 * 86_400
    for each in (entry("a", soon), entry("b", soon), entry("b2")):
        history.remember(each)
    by_name, _ = await answer_of(history, query="B2")
    by_time, _ = await answer_of(history, expiring_within_days=4)
    by_both, _ = await answer_of(history, query="/shots/b", expiring_within_days=4)
    none, text = await answer_of(history, expiring_within_days=2)
    assert [[each["url"][18:] for each in answer["uploads"]] for answer in (by_name, by_time, by_both)] == [
        ["b2.png"],
        ["a.png", "b.png"],
        ["b.png"],
    ]
    assert (none, text) == ({"uploads": []}, "No such upload is known.")


async def test_what_expires_soon_comes_with_the_command_that_renews_it(history):
    history.remember(entry("a", time.time() + 3 * 86_400))
    found, text = await answer_of(history, expiring_within_days=4)
    unasked, _ = await answer_of(history)
    assert found["note"].endswith("`img402-mcp renew --expiring 4`.")
    assert text.endswith(found["note"])
    assert "note" not in unasked


@pytest.mark.parametrize(("count", "more", "words"), [(20, 0, []), (23, 3, ["3 more; narrow the query."])])
async def test_at_most_twenty_are_listed_with_the_number_of_others(history, count, more, words):
    for number in range(count):
        history.remember(entry(f"shot{number}"))
    answer, text = await answer_of(history, query="shot")
    assert (len(answer["uploads"]), answer.get("more", 0), text.splitlines()[20:]) == (20, more, words)


async def test_uploads_from_outside_this_sessions_folders_are_not_listed(history):
    for name in ("/elsewhere/shot.png", "/shots2/shot.png"):
        history.remember(replace(entry("shot"), path=name))
    assert await answer_of(history) == ({"uploads": []}, "No such upload is known.")


async def test_a_delete_url_is_in_no_list(history):
    history.remember(entry("a", delete_url="https://api.example/delete/a.png?key=canary"))
    answer, text = await answer_of(history)
    assert answer == {"uploads": [found("a")]}
    assert "canary" not in text + repr(history.history.find(now=0))


async def test_a_name_cannot_pose_as_another_line(history):
    history.remember(replace(entry("a"), path="/shots/a\nhttps://evil.example.png"))
    _, text = await answer_of(history)
    assert (text.count("\n"), '"/shots/a\\nhttps://evil.example.png"' in text) == (0, True)


async def test_without_a_history_the_answer_says_so(tmp_path):
    async with agent(tmp_path, history=False) as client:
        result = await client.call_tool("find_uploads", {"query": "shot"})
    answer, text = result.structured_content, result.content[0].text
    assert answer == {"uploads": [], "note": text}
    assert text.startswith("Earlier uploads are not known: the history is switched off (IMG402_HISTORY=off), or ")


async def test_a_failing_history_is_an_error_with_a_reason(history):
    async with agent(history.state) as client:
        await client.call_tool("find_uploads")
        with closing(sqlite3.connect(history.state / "ledger" / "ledger.db")) as database:
            database.execute("DROP TABLE uploads")
        result = await client.call_tool("find_uploads")
    assert result.is_error
    assert "The history of uploads could not be read or written" in result.content[0].text
