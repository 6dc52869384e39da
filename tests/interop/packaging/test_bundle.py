"""The MCP bundle: the official program accepts it, and what is inside starts as Claude Desktop starts it."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import httpx2
import pytest
from mcp import Client, StdioServerParameters

from img402_mcp.mcp_server.tools import tools
from tests.interop.conftest import Node, npm_package
from tests.interop.packaging.conftest import CHECKOUT, TRUST

MCPB = "@anthropic-ai/mcpb@2.1.2"
SUBSTITUTE = """
const { getMcpConfigForManifest } = await import(process.argv[2]);
console.log(JSON.stringify(await getMcpConfigForManifest(JSON.parse(process.argv[3]))));
"""


@pytest.fixture(scope="module")
def mcpb(node_home: Path) -> Path:
    return npm_package(node_home, MCPB) / "dist"


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("bundle") / "img402-mcp.mcpb"
    made = subprocess.run([CHECKOUT / "scripts/bundle", file], capture_output=True, text=True, check=True)
    assert made.stdout.startswith(f"{file}: {file.stat().st_size:,} bytes, ")
    return file


@pytest.fixture(scope="module")
def opened(packed: Path, node: Node, mcpb: Path) -> Path:
    """The folder into which the official program unpacked it."""
    folder = packed.parent / "opened"
    ran = node(mcpb / "cli/cli.js", "unpack", packed, folder)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return folder


@pytest.fixture(scope="module")
def configured(opened: Path, node: Node, mcpb: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """`configured(folders=..., api_url=...)`: the command that the official library makes of what a user filled in."""
    program = tmp_path_factory.mktemp("substitute") / "substitute.mjs"
    program.write_text(SUBSTITUTE)
    manifest = json.loads((opened / "manifest.json").read_text())

    def substituted(**user_config: Any) -> Any:
        options = {"manifest": manifest, "extensionPath": str(opened), "systemDirs": {}, "pathSeparator": os.sep}
        ran = node(program, mcpb / "shared/config.js", json.dumps(options | {"userConfig": user_config}))
        assert (ran.returncode, ran.stderr) == (0, "")
        return json.loads(ran.stdout)

    return substituted


@pytest.fixture(scope="module")
def started(programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Any], Client]:
    """As a program without a terminal is started: in `/`, with a home and few places for programs."""
    bare = {"PATH": f"{programs}:/usr/bin:/bin", "HOME": str(tmp_path_factory.mktemp("home"))} | TRUST

    def start(config: Any) -> Client:
        environment = bare | config["env"]
        return Client(
            StdioServerParameters(command=config["command"], args=config["args"], env=environment, cwd="/"),
            read_timeout_seconds=300,
        )

    return start


def test_the_official_program_accepts_and_packs_it(opened: Path, packed: Path, node: Node, mcpb: Path, tmp_path: Path):
    accepted = node(mcpb / "cli/cli.js", "validate", opened)
    assert accepted.returncode == 0, accepted.stdout + accepted.stderr
    assert "Manifest schema validation passes!" in accepted.stdout
    copy = shutil.copytree(opened, tmp_path / "copy", ignore=shutil.ignore_patterns(".venv", "uv.lock", "__pycache__"))
    again = node(mcpb / "cli/cli.js", "pack", copy, tmp_path / "again.mcpb")
    assert again.returncode == 0, again.stdout + again.stderr
    ours, theirs = ZipFile(packed), ZipFile(tmp_path / "again.mcpb")
    assert {name: ours.read(name) for name in ours.namelist()} == {
        name: theirs.read(name) for name in theirs.namelist()
    }


def test_it_holds_the_package_of_the_wheel_and_what_starts_it(packed: Path, wheel: Path):
    held = ZipFile(packed).namelist()
    shipped = [name for name in ZipFile(wheel).namelist() if name.startswith("img402_mcp/")]
    assert sorted(held) == sorted(["manifest.json", "pyproject.toml", "icon.png", "LICENSE", *shipped])
    assert packed.stat().st_size < 1_000_000


@pytest.mark.parametrize("count", [0, 1, 2], ids=["no-folder", "one-folder", "two-folders"])
async def test_each_folder_that_the_user_picked_is_one_argument(
    count: int, configured: Callable[..., Any], opened: Path, tmp_path: Path
):
    folders = [str(tmp_path / name) for name in ("with a space", "b")][:count]
    config = configured(folders=folders, api_url="http://127.0.0.1:4020")
    assert config == {
        "command": "uv",
        "args": ["run", "--directory", str(opened), "img402-mcp", "serve", *folders],
        "env": {"IMG402_API_URL": "http://127.0.0.1:4020"},
    }


async def test_it_lists_the_tools_and_uploads_from_each_picked_folder(
    configured: Callable[..., Any],
    started: Callable[[Any], Client],
    sample: Callable[[str], bytes],
    host: str,
    tmp_path: Path,
):
    folders = [tmp_path / "with a space", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
        (folder / "shot.png").write_bytes(sample("plain.png"))
    async with started(configured(folders=[*map(str, folders)], api_url=host)) as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == [tool.name for tool in tools()]
        for folder in folders:
            answer = await client.call_tool("upload_free", {"path": str(folder / "shot.png"), "fresh": True})
            uploaded = answer.structured_content
            assert uploaded is not None
            assert uploaded["url"].startswith(host)
            async with httpx2.AsyncClient() as web:
                assert (await web.get(uploaded["url"])).headers["Content-Type"] == "image/png"
        (tmp_path / "elsewhere.png").write_bytes(sample("plain.png"))
        refused = await client.call_tool("upload_free", {"path": str(tmp_path / "elsewhere.png")})
    assert refused.is_error


@pytest.mark.parametrize(
    "user_config",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"folders": [], "api_url": ""}, id="emptied"),
        pytest.param({"folders": "", "api_url": ""}, id="no-list"),
        pytest.param({"folders": [""], "api_url": ""}, id="one-empty-folder"),
        pytest.param(None, id="left-as-it-is-in-the-manifest"),
    ],
)
async def test_it_starts_where_the_user_filled_in_nothing(
    user_config: dict[str, Any] | None, configured: Callable[..., Any], started: Callable[[Any], Client], opened: Path
):
    if user_config is None:
        written = json.loads((opened / "manifest.json").read_text())["server"]["mcp_config"]
        config = json.loads(json.dumps(written).replace("${__dirname}", str(opened)))
        assert re.findall(r"\$\{[^}]+\}", json.dumps(config)) == ["${user_config.folders}", "${user_config.api_url}"]
    else:
        config = configured(**user_config)
    async with started(config) as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == [tool.name for tool in tools()]
