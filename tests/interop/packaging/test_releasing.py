"""docs/releasing.md: each command that needs no account runs, one after the other, in a copy that has an address."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.interop.packaging.conftest import ADDRESS, CHECKOUT

PAGE = (CHECKOUT / "docs/releasing.md").read_text(encoding="utf-8")
LINES = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]


def runnable(line: str) -> str:
    """The lanes of tests run elsewhere; here each only finds its tests."""
    return f"{line} --collect-only" if line.startswith("scripts/test") else line


@pytest.fixture
def npx(node_home: Path, tmp_path: Path) -> Path:
    """The folder of a program `npx`; Node's wheel has it as a copy that does not find its library."""
    program = tmp_path / "npx" / "npx"
    program.parent.mkdir()
    script = node_home / "lib/node_modules/npm/bin/npx-cli.js"
    program.write_text(f'#!/bin/sh\nexec "{node_home / "bin/node"}" "{script}" "$@"\n')
    program.chmod(0o755)
    return program.parent


@pytest.mark.timeout(1800)
def test_each_command_of_the_page_runs(addressed: Path, programs: Path, node_home: Path, npx: Path, tmp_path: Path):
    first = os.pathsep.join(map(str, (npx, programs, node_home / "bin")))
    environment = os.environ | {
        "PATH": f"{first}{os.pathsep}{os.environ['PATH']}",
        "npm_config_cache": f"{tmp_path}/npm",
    }
    for line in map(runnable, LINES):
        ran = subprocess.run(
            ["sh", "-euc", line], cwd=addressed, env=environment, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, f"{line}\n{ran.stdout[-3000:]}{ran.stderr[-3000:]}"
    made = {"img402_mcp-*.whl": 1, "img402_mcp-*.tar.gz": 1, "img402-mcp-*.mcpb": 1, "server.json": 1}
    assert {pattern: len([*(addressed / "dist").glob(pattern)]) for pattern in made} == made
    assert f"[Bundle for Claude Desktop]({ADDRESS}/releases/latest)" in (addressed / "README.md").read_text("utf-8")


def test_what_needs_an_account_is_marked_as_such():
    others = [line for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
    assert others
    assert [line for line in others if not line.startswith("$ ")] == []
    assert [line for line in LINES if re.search(r"git push|mcp-publisher|twine upload|uv publish", line)] == []
