"""The promises of the README and the docs, checked."""

import json
import re
import sys
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters

from img402_mcp.cli import main
from img402_mcp.client.settings.names import CLIENT_VARIABLES
from img402_mcp.host.settings.names import HOST_VARIABLES
from img402_mcp.mcp_server.prompts import prompts
from img402_mcp.mcp_server.tools import ADDED, tools

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
SETTINGS, COMMANDS, HOSTING, SECURITY = (
    (ROOT / name).read_text(encoding="utf-8")
    for name in ("docs/settings.md", "docs/commands.md", "docs/hosting.md", "SECURITY.md")
)
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LONGEST_README = 220
VARIABLES = sorted(CLIENT_VARIABLES.known | HOST_VARIABLES.known)


@pytest.mark.parametrize("name", [tool.name for tool in tools(*ADDED)])
def test_every_tool_is_in_the_readme(name):
    assert f"| `{name}(" in README


@pytest.mark.parametrize("name", [prompt.name for prompt in prompts()])
def test_every_prompt_is_in_the_readme(name):
    assert f"`{name}`" in README


@pytest.mark.parametrize("name", VARIABLES)
def test_every_environment_variable_is_in_a_table(name):
    assert f"| `{name}` |" in (HOSTING if name.startswith("IMG402_HOST_") else SETTINGS)


def test_every_variable_in_the_tables_exists():
    output = re.findall(r"^\| `(IMG402_[A-Z0-9_]+)`", SETTINGS + HOSTING, re.MULTILINE)
    assert sorted(output) == VARIABLES


@pytest.mark.parametrize("name", main.main.commands)
def test_every_command_is_in_its_table(name):
    assert f"| `img402-mcp {name}" in COMMANDS


@pytest.mark.parametrize("command", ["serve", "host", "upload", "wallet resolve"])
def test_every_flag_is_in_the_documents(command, capsys):
    assert main.run([*command.split(), "--help"]) == 0
    flags = {*re.findall(r"--[a-z-]+", capsys.readouterr().out)} - {"--help"}
    assert {flag for flag in flags if flag not in COMMANDS + README} == set()


async def test_the_example_configuration_starts_the_server(tmp_path):
    (server,) = json.loads((ROOT / "mcp.json.example").read_text(encoding="utf-8"))["mcpServers"].values()
    command = server["command"].replace("/absolute/path/to/img402-mcp/.venv/bin", str(Path(sys.executable).parent))
    environment = server["env"] | {"IMG402_ALLOW_DIRS": str(tmp_path)}
    assert f'"command": "{server["command"]}"' in README
    async with Client(StdioServerParameters(command=command, args=server["args"], env=environment)) as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == [tool.name for tool in tools()]


def test_the_readme_is_short():
    assert len(README.splitlines()) <= LONGEST_README


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_of_a_page_leads_to_something(page: Path):
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    links = re.findall(r"\]\((?!https?:|mailto:)([^)#\s]+)", text)
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_promise_of_security_names_tests_that_exist():
    rows = [line for line in SECURITY.splitlines() if line.startswith("| ") and "tests/" in line]
    named = [name for row in rows for name in re.findall(r"`(tests/[^`]+)`", row)]
    assert len(rows) == len([line for line in SECURITY.splitlines() if line.startswith("| ")]) - 1
    assert [name for name in named if not (ROOT / name).exists()] == []
    files = {name: [*(ROOT / name).rglob("test_*.py")] or [ROOT / name] for name in named}
    assert [name for name in named if not any("\ndef test_" in _code(file) for file in files[name])] == []


def _code(file: Path) -> str:
    return file.read_text(encoding="utf-8").replace("async def", "def") if file.is_file() else ""


def test_what_security_does_not_promise_is_said_to_be_outside_of_tests():
    rest = SECURITY.partition("## What it does not promise")[2]
    assert "These are outside what a test can check." in rest
    assert "`tests/" not in rest
