"""Claude Code itself reads the plugin, installs it, and connects to the server that it names."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from img402_mcp import __version__
from tests.interop.conftest import CACHE, npm_package
from tests.interop.packaging.conftest import CHECKOUT

CLAUDE_CODE = "@anthropic-ai/claude-code@2.1.328"
QUIET = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_AUTOUPDATER": "1",
    "DISABLE_TELEMETRY": "1",
}


@pytest.fixture
def claude(node_home: Path, programs: Path, tmp_path: Path) -> Callable[..., str]:
    """`claude("plugin", "list")` runs it with a home of its own, and with `uvx` in its PATH."""
    program = npm_package(node_home, CLAUDE_CODE).parents[1] / ".bin/claude"
    path = os.pathsep.join([str(programs), str(node_home / "bin"), os.environ["PATH"]])
    env = os.environ | QUIET | {"HOME": str(tmp_path / "home"), "PATH": path, "UV_CACHE_DIR": str(CACHE / "uv")}

    def run(*words: str | Path) -> str:
        command = [program, *words]
        done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.mark.parametrize("manifest", [".claude-plugin/plugin.json", ".claude-plugin/marketplace.json"])
def test_claude_code_finds_nothing_wrong_with_the_plugin(manifest: str, claude: Callable[..., str]):
    assert "Validation passed" in claude("plugin", "validate", "--strict", CHECKOUT / manifest)


def test_claude_code_installs_the_plugin_and_connects_to_its_server(
    claude: Callable[..., str], tool: Callable[..., str], unpacked: Path
):
    tool("uv", "--cache-dir", CACHE / "uv", "tool", "run", "--from", unpacked, "img402-mcp", "--version")
    claude("plugin", "marketplace", "add", unpacked)
    claude("plugin", "install", "img402@img402-mcp")
    assert f"Version: {__version__}" in claude("plugin", "list")
    said = claude("mcp", "list")
    assert f"uvx --from {unpacked} img402-mcp" in said
    assert "Connected" in said
