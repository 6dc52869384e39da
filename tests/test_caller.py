"""A message names arguments and tools to a model, and flags and commands to a person."""

import ast
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import anyio
import pytest
from anyio.to_thread import run_sync

from img402_mcp.caller import a_person, worded
from img402_mcp.client.api_limits import life_note, lifetimes, too_large_to_last
from img402_mcp.client.fit.messages import reason_and_way_out
from img402_mcp.mcp_server.tools import ADDED, TOOLS
from tests.sources import tree_of

EXPIRY = datetime(2026, 12, 28, 10, tzinfo=UTC)
ROOT = Path(__file__).parent.parent / "img402_mcp"
TOOL_NAMES = [*(entry.carry_out.__name__ for entry in TOOLS), *(name for names in ADDED.values() for name in names)]
ARGUMENTS = "keep|fit|fresh|width|out|overwrite|dry_run|pairs|expiring_within_days"
NAMES_OF_TOOLS = re.compile(
    rf"\b({'|'.join(name for name in TOOL_NAMES if '_' in name)})\b|`({'|'.join(TOOL_NAMES)}|{ARGUMENTS})`"
    rf"|\b({ARGUMENTS})=\w"
)
NAMES_OF_FLAGS = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
COMMAND = re.compile(r"`img402-mcp [^`]*`|img402-mcp \w+ --\w+")
"""A whole command is good advice for a model too, which passes it on."""

ONLY_TO_A_MODEL = {
    ("client/apis/img402.py", "get_upload_token"),
    ("client/paid_image.py", "get_upload_token"),
    ("client/publish/publish.py", "`out`"),
    ("client/token_upload.py", "upload_paid"),
}
"""The commands take no token and return documents of any length."""

TO_BOTH = {
    ("client/files/roots.py", "--allow-dir"),
    ("client/settings/read.py", "--allow-dir"),
    ("client/io42_fees.py", "--presume-unsettled"),
    ("client/payments/messages.py", "--presume-unsettled"),
}
"""A flag of the server, and one in a whole command with a nonce in it."""


def said(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Each text that is no docstring, with the keyword of `worded` that it is given to."""
    docstrings = {id(each.value) for each in ast.walk(tree) if isinstance(each, ast.Expr)}
    given = {id(part): keyword.arg for node in ast.walk(tree) for keyword in words(node) for part in ast.walk(keyword)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value, given.get(id(node)) or ""


def words(node: ast.AST) -> list[ast.keyword]:
    is_worded = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "worded"
    return node.keywords if is_worded else []  # type: ignore[attr-defined]  # a Call has them


def misplaced(pattern: re.Pattern[str], keyword: str) -> set[tuple[str, str]]:
    return {
        (path.relative_to(ROOT).as_posix(), found[0])
        for path in sorted((ROOT / "client").rglob("*.py"))
        for text, given in said(tree_of(path))
        if given != keyword
        for found in pattern.finditer(COMMAND.sub("", text))
    }


def test_what_both_may_read_names_a_tool_or_an_argument_only_to_a_model():
    assert misplaced(NAMES_OF_TOOLS, "tool") == ONLY_TO_A_MODEL


def test_what_both_may_read_names_a_flag_only_to_a_person():
    assert misplaced(NAMES_OF_FLAGS, "command") == TO_BOTH


@pytest.mark.parametrize(
    ("said", "model", "person"),
    [
        pytest.param(
            lambda: too_large_to_last(2_000_000, 1_000_000),
            'keep would have to make it smaller, and fit is "never": leave out one of them.',
            "--keep would have to make it smaller, and --no-fit forbids that: leave out one of them.",
            id="keep-without-fit",
        ),
        pytest.param(
            lambda: reason_and_way_out("kept")[1],
            "or call again with keep=false",
            "or upload it with --no-keep",
            id="too-small-to-be-kept",
        ),
        pytest.param(
            lambda: life_note(EXPIRY, 2_000_000, lifetimes(None), was_kept=False),
            "are kept for good here: call again with keep=true.",
            "are kept for good here: `img402-mcp upload --keep` makes an image fit.",
            id="expires",
        ),
    ],
)
def test_a_model_reads_arguments_and_a_person_flags(said, model, person):
    assert model in said()
    with a_person():
        assert person in said()
    assert model in said()


async def test_the_reader_is_known_in_tasks_and_threads():
    found = []

    async def task() -> None:
        found.append(await run_sync(lambda: worded(tool="a tool", command="a command")))

    async with anyio.create_task_group() as tasks:
        with a_person():
            tasks.start_soon(task)
        tasks.start_soon(task)
    assert sorted(found) == ["a command", "a tool"]
    assert worded(tool="a tool", command="a command") == "a tool"
