"""The Claude Code plugin: whatever its skill names exists, and works as the skill writes it."""

import ast
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from img402_mcp import __version__
from img402_mcp.cli import main
from img402_mcp.client.settings.names import CLIENT_VARIABLES
from img402_mcp.mcp_server.results import UploadResult
from img402_mcp.mcp_server.tools import tools
from tests.fakes.agent import agent, money, text
from tests.fakes.keys import PAYEE, SELLING
from tests.fakes.september import September
from tests.fakes.serving import on_a_socket
from tests.fakes.wire import API, hosting

ROOT = Path(__file__).parent.parent
SKILL = (ROOT / "skills/image-urls/SKILL.md").read_text(encoding="utf-8")
CALLS = re.findall(r"`(\w+\([^`]*\))`", SKILL)
COMMANDS = [shlex.split(line, comments=True) for line in re.findall(r"^img402-mcp .+$", SKILL, re.MULTILINE)]
WORDS = {*re.findall(r"`(\w+)`", SKILL)}
PICTURES = {"login": "plain.png", "before": "palette.png", "after": "baseline.jpg", "large": "still.gif"}
LONGEST_DESCRIPTION = 1024  # what Claude Code reads of one
MARKDOWN = "![The first page](../shots/login.png)\n"


def read(call: str) -> tuple[str, dict[str, Any]]:
    """`upload_free(path="a.png")` -> the tool, and its arguments."""
    parsed = ast.parse(call, mode="eval").body
    assert isinstance(parsed, ast.Call)
    assert isinstance(parsed.func, ast.Name)
    return parsed.func.id, {str(each.arg): ast.literal_eval(each.value) for each in parsed.keywords}


@pytest.fixture
def project(tmp_path: Path, sample, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the skill names."""
    folder = tmp_path.resolve() / "project"
    (folder / "docs").mkdir(parents=True)
    (folder / "shots").mkdir()
    for name, kind in PICTURES.items():
        (folder / f"shots/{name}.png").write_bytes(sample(kind))
    (folder / "docs" / "guide.md").write_text(MARKDOWN)
    monkeypatch.chdir(folder)
    return folder


def test_each_tool_and_argument_that_the_skill_names_exists():
    served = {tool.name: {*tool.parameters["properties"]} for tool in tools("wallet")}
    named = [read(call) for call in CALLS]
    assert [(name, given) for name, given in named if not {*given} <= served.get(name, set())] == []
    assert {name for name, _ in named} == {*served}


def test_each_variable_and_field_that_the_skill_names_exists():
    variables = {word for word in WORDS if word.startswith("IMG402_")}
    assert variables
    assert variables - {*CLIENT_VARIABLES.known} == set()
    assert WORDS - variables - {*UploadResult._fields} == set()


async def test_each_call_of_the_skill_works(project: Path, tmp_path: Path):
    selling = SELLING | {"IMG402_HOST_FREE_DAILY": "0"}
    token = ""
    async with (
        hosting(tmp_path / "host", selling) as wire,
        agent(project, wire, money=money(pay_to=PAYEE)) as client,
    ):
        for call in CALLS:
            name, given = read(call)
            if "token" in given:
                given["token"] = token
            answer = await client.call_tool(name, given)
            assert not answer.is_error, (call, text(answer))
            token = (answer.structured_content or {}).get("token") or token
    assert token
    assert API in (project / "docs" / "guide.public.md").read_text()


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_each_command_of_the_skill_works(
    words: list[str], project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys
):
    api = September(states=True)
    with on_a_socket(api.answer) as api.url:
        variables = {"IMG402_API_URL": api.url, "IMG402_STATE_DIR": str(tmp_path / "state"), "IMG402_VERIFY": "off"}
        for name, value in (variables | {"IMG402_ALLOW_DIRS": str(project)}).items():
            monkeypatch.setenv(name, value)
        assert main.run(["upload", "shots/login.png"]) == 0
        capsys.readouterr()
        assert main.run(words[1:]) == 0
    assert ("login" if words[1] == "history" else api.url) in capsys.readouterr().out


def test_the_description_says_when_to_use_the_skill_and_is_read_whole():
    header = SKILL.split("---\n")[1]
    said = dict(line.split(": ", 1) for line in header.splitlines())
    assert said["name"] == "image-urls"
    assert "Use it when" in said["description"]
    assert len(said["description"]) < LONGEST_DESCRIPTION


def test_the_plugin_has_the_packages_version():
    plugin = json.loads((ROOT / ".claude-plugin/plugin.json").read_text(encoding="utf-8"))
    assert plugin["version"] == __version__
    (listed,) = json.loads((ROOT / ".claude-plugin/marketplace.json").read_text(encoding="utf-8"))["plugins"]
    assert (listed["name"], listed["description"]) == (plugin["name"], plugin["description"])
    (server,) = plugin["mcpServers"].values()
    assert server == {"command": "uvx", "args": ["--from", "${CLAUDE_PLUGIN_ROOT}", "img402-mcp"]}
