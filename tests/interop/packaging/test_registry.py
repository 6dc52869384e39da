"""The entry for the MCP registry, and the buttons that install from a package registry: by what others read in them."""

import json
import re
import subprocess
import sys
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from mcp import Client, StdioServerParameters

from img402_mcp import __version__
from img402_mcp.mcp_server.tools import tools
from tests.interop.packaging.conftest import ADDRESS, TRUST, long_description

RULE = ["-m", "skillsaw", "lint", "--strict", "--quiet", "--rule", "mcp-registry-server-json-valid"]
"""It holds the registry's schemas, each with its licence, and reads the one that the entry names."""
BUTTONS = re.compile(r"\]\((https://(?:cursor\.com|insiders\.vscode\.dev)/[^)]+)\)")


def entry(checkout: Path) -> Any:
    words = [sys.executable, str(checkout / "scripts/release.py"), "server-json"]
    return json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)


@pytest.fixture
def lint(programs: Path, tmp_path: Path) -> Callable[[Any], subprocess.CompletedProcess[str]]:
    def judged(written: Any) -> subprocess.CompletedProcess[str]:
        folder = tmp_path / "entry"
        folder.mkdir(exist_ok=True)
        (folder / "server.json").write_text(json.dumps(written))
        return subprocess.run([programs / "python", *RULE, folder], capture_output=True, text=True, check=False)

    return judged


def test_the_entry_fits_the_schema_of_the_registry(addressed: Path, lint: Callable[[Any], Any]):
    written = entry(addressed)
    judged = lint(written)
    assert (judged.returncode, judged.stdout) == (0, "")
    assert written["$schema"].split("/")[-2] == "2025-12-11"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        pytest.param({"description": "x" * 101}, "description", id="long-description"),
        pytest.param({"name": "img402-mcp"}, "name", id="name-without-an-owner"),
        pytest.param({"version": "latest"}, "version", id="no-exact-version"),
        pytest.param({"repository": {"url": ADDRESS}}, "source", id="repository-without-its-host"),
        pytest.param({"packages": [{"registryType": "pypi"}]}, "identifier", id="package-without-a-name"),
    ],
)
def test_the_checker_sees_what_the_registry_would_refuse(
    change: dict[str, Any], sentence: str, addressed: Path, lint: Callable[[Any], Any]
):
    judged = lint(entry(addressed) | change)
    assert judged.returncode != 0
    assert sentence in judged.stdout


@pytest.fixture
def described(tool: Callable[..., str], addressed: Path) -> tuple[Path, str]:
    """The wheel that is built once there is an address, and its long description."""
    tool("build", "--wheel", "--outdir", addressed / "dist", cwd=addressed)
    wheel = next((addressed / "dist").glob("*.whl"))
    return wheel, long_description(wheel)


def test_the_wheel_carries_the_name_of_the_entry(described: tuple[Path, str], addressed: Path):
    written = entry(addressed)
    assert re.findall(r"mcp-name: (\S+)", described[1]) == [written["name"]] == ["io.github.them/img402-mcp"]
    assert (written["version"], written["repository"]["url"]) == (__version__, ADDRESS)


def test_without_an_address_the_wheel_names_no_server_and_has_no_button(wheel: Path):
    assert "mcp-name: io" not in long_description(wheel)
    assert BUTTONS.findall(long_description(wheel)) == []


async def test_what_each_button_hands_over_starts_the_server(
    described: tuple[Path, str], programs: Path, tmp_path: Path
):
    wheel, text = described
    (tmp_path / "here.txt").write_text(f"img402-mcp @ {wheel.as_uri()}")  # it is in no registry yet
    bare = {"PATH": f"{programs}:/usr/bin:/bin", "HOME": str(tmp_path), "UV_OVERRIDE": str(tmp_path / "here.txt")}
    links = BUTTONS.findall(text)
    assert len(links) == 2
    for link in links:
        (config,) = parse_qs(urlsplit(link).query)["config"]
        server = json.loads(config if config.startswith("{") else b64decode(config, validate=True))
        async with Client(StdioServerParameters(**server, env=bare | TRUST, cwd="/")) as client:
            assert [tool.name for tool in (await client.list_tools()).tools] == [tool.name for tool in tools()]
