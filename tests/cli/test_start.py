"""What a command imports: click alone for help, no MCP SDK for an upload, and no command line for a server on stdio."""

import os
import subprocess
import sys

import pytest

LOADED = """
import sys
from img402_mcp import __main__

code = __main__.ending(sys.argv[1:])
print(code, *sorted({"mcp", "click", "anyio", "httpx2", "pydantic"} & sys.modules.keys()), file=sys.stderr)
print(*sorted(name for name in sys.modules if name.startswith("img402_mcp.cli.")), file=sys.stderr)
"""


def loaded(*words: str, **environ: str) -> list[list[str]]:
    """The exit code and the packages, then our own modules."""
    command = [sys.executable, "-c", LOADED, *words]
    done = subprocess.run(
        command, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True, timeout=60
    )
    return [line.split() for line in done.stderr.splitlines()[-2:]]


@pytest.mark.parametrize(
    "words",
    [
        ["--version"],
        ["--help"],
        ["upload", "--help"],
        ["wallet", "resolve", "--help"],
        ["host", "admin", "images", "list", "--help"],
        ["completion", "zsh"],
    ],
    ids=" ".join,
)
def test_help_and_completion_import_click_and_no_room_of_a_command(words):
    packages, ours = loaded(*words)
    assert packages == ["0", "click"]
    assert not {*ours} & {f"img402_mcp.cli.{name}" for name in ("serve", "upload", "host", "wallet", "doctor")}


def test_an_upload_does_without_the_mcp_sdk(tmp_path):
    packages, _ = loaded("upload", "missing.png", HOME=str(tmp_path))
    assert packages == ["1", "anyio", "click", "httpx2", "pydantic"]


def test_a_server_on_stdio_imports_nothing_of_the_command_line(tmp_path):
    packages, ours = loaded(IMG402_ALLOW_DIRS=str(tmp_path), PATH=os.environ["PATH"])
    assert ("0" in packages, "mcp" in packages, ours) == (True, True, [])
