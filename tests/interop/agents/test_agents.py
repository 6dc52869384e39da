"""What `install` writes, read back by the agents' own programs and parsers."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from img402_mcp.agents.program import running_program
from tests.interop.conftest import CHECKOUT, beside, npm_package

JSONC_PARSER = "jsonc-parser@3.3.1"
PROGRAMS = {
    "claude-code": ("@anthropic-ai/claude-code@2.1.332", "claude mcp get img402"),
    "codex": ("@openai/codex@0.171.0", "codex mcp get img402 --json"),
    "gemini": ("@google/gemini-cli@0.61.0", "gemini mcp list"),
}
"""Client: package, and the command that shows the entry."""
CONNECTS = {"claude-code", "gemini"}
"""They start the server before they show it."""
OPENCODE = "opencode-ai@1.18.33"
OTHERS = """{
  // one of the user's
  "%s": {
    "other": {"command": "other", "args": ["-x",], "env": {"KEY": "secret"}}, // kept
  },
  "inputs": [],
}
"""
Node = Callable[..., subprocess.CompletedProcess[str]]


class Home:
    """A user's home folder, with Node and the agents' programs on the PATH."""

    def __init__(self, folder: Path, node_home: Path, *packages: Path) -> None:
        self.folder, self.shots = folder, folder / "shots"
        self.shots.mkdir(parents=True)
        bins = [str(package.parent / ".bin") for package in packages]
        plain = {name: value for name, value in beside(node_home).items() if not name.startswith("IMG402_")}
        self.environ = plain | {"HOME": str(folder), "PATH": os.pathsep.join([*bins, plain["PATH"]])}

    def run(self, *words: str) -> str:
        done = subprocess.run(
            words, env=self.environ, cwd=self.folder, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def ours(self, *words: str) -> str:
        return self.run(sys.executable, "-m", "img402_mcp", *words)

    def entry(self) -> dict[str, Any]:
        command, *args = running_program()
        return {"command": command, "args": args, "env": {"IMG402_ALLOW_DIRS": str(self.shots)}}


def package_of(node_home: Path, spec: str) -> Path:
    folder = npm_package(node_home, spec)
    return folder.parent if spec.startswith("@") else folder


@pytest.mark.frameworks
@pytest.mark.parametrize("client", PROGRAMS)
def test_an_agents_program_knows_the_server_after_install_and_forgets_it_after_uninstall(client, node_home, tmp_path):
    package, show = PROGRAMS[client]
    home = Home(tmp_path / "home", node_home, package_of(node_home, package))
    trusting = {"security": {"folderTrust": {"enabled": False}}}  # else Gemini CLI starts nothing there
    (home.folder / ".gemini").mkdir()
    (home.folder / ".gemini" / "settings.json").write_text(json.dumps(trusting))

    home.ours("install", client, "--yes", "--allow-dir", str(home.shots))
    said = home.run(*show.split())
    assert home.entry()["command"] in said
    assert ("Connected" in said) is (client in CONNECTS)
    assert client == "gemini" or str(home.shots) in said
    assert "nothing to do" in home.ours("install", client, "--yes")

    home.ours("uninstall", client, "--yes")
    assert "nothing to do" in home.ours("uninstall", client, "--yes")
    assert home.entry()["command"] not in home.run(*show.split()[:2], "list")


@pytest.mark.frameworks
def test_opencode_starts_the_server_by_the_lines_of_the_document(node_home, tmp_path):
    home = Home(tmp_path / "home", node_home, package_of(node_home, OPENCODE))
    page = (CHECKOUT / "docs" / "clients.md").read_text(encoding="utf-8").partition("### opencode")[2]
    lines = page.partition("```json\n")[2].partition("```")[0]
    config = json.loads(lines)
    config["mcp"]["img402"] |= {"command": [*running_program()], "environment": home.entry()["env"]}
    file = home.folder / ".config" / "opencode" / "opencode.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(config))
    assert re.search(r"img402.*connected", home.run("opencode", "mcp", "list"))


@pytest.mark.parametrize(
    ("client", "key", "parser"),
    [
        pytest.param("vscode", "servers", "jsonc", id="vs-code"),
        pytest.param("cursor", "mcpServers", "jsonc", id="cursor"),
        pytest.param("claude-desktop", "mcpServers", "json", id="claude-desktop"),
    ],
)
@pytest.mark.parametrize("before", ["nothing", "others"])
def test_a_parser_of_agents_reads_the_entry_and_what_was_there(
    node: Node, node_home, tmp_path, client, key, parser, before
):
    home = Home(tmp_path / "home", node_home)
    home.ours("install", client, "--yes")
    (file,) = home.folder.rglob("*.json")
    others = {}
    if before == "others":
        others = {"other": {"command": "other", "args": ["-x"], "env": {"KEY": "secret"}}}
        plain = json.dumps({key: others, "inputs": []}, indent="\t")
        file.write_text(OTHERS % key if parser == "jsonc" else plain)
    home.ours("install", client, "--yes", "--allow-dir", str(home.shots))

    package = npm_package(node_home, JSONC_PARSER)
    done = node(Path(__file__).with_name("read.mjs"), package, parser, file)
    assert done.returncode == 0, done.stderr
    kind = {"type": "stdio"} if client == "vscode" else {}
    assert json.loads(done.stdout)[key] == {**others, "img402": kind | home.entry()}
