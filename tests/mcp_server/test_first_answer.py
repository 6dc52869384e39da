"""What a client learns of the server from its first answer, and what later answers need not repeat."""

import json
import subprocess
import sys
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from img402_mcp import __version__
from img402_mcp.mcp_server.first_answer import ICON
from tests.fakes.agent import ERAS, agent

FIRST = pytest.mark.parametrize("era", ["legacy", "auto"])  # by initialize and by server/discover
LARGEST_ICON = 600
PAGE_ICON = Path(__file__).parents[2] / "img402_mcp/host/pages/icon.svg"


@FIRST
async def test_only_existing_features_are_advertised(era: str, pictures: Path):
    async with agent(pictures, era=era) as client:
        said = client.server_capabilities
        assert said is not None
        assert (await client.list_prompts()).prompts
        assert (await client.list_tools()).tools
    assert {name for name, value in said.model_dump().items() if value} == {"tools", "prompts"}


@FIRST
async def test_a_client_can_show_the_servers_name_title_version_and_icon(era: str, pictures: Path):
    async with agent(pictures, era=era) as client:
        info = client.server_info
    assert info is not None
    assert info.model_dump(by_alias=True, exclude_none=True) == {
        "name": "img402-mcp",
        "title": "img402 image upload",
        "version": __version__,
        "icons": [ICON],
    }


@ERAS
async def test_no_later_answer_repeats_the_icon(era: str, pictures: Path):
    async with agent(pictures, era=era) as client:
        answers = [await client.list_tools(), await client.list_prompts(), await client.call_tool("limits")]
    assert [answer for answer in answers if "svg" in answer.model_dump_json()] == []


def test_the_icon_is_small_and_is_the_one_of_the_hosts_page():
    kind, _, data = str(ICON["src"]).partition(";base64,")
    assert kind == f"data:{ICON['mimeType']}"
    assert len(str(ICON["src"])) < LARGEST_ICON
    drawn = PAGE_ICON.read_text(encoding="utf-8")
    assert b64decode(data).decode() == "".join(line.strip() for line in drawn.splitlines())


@pytest.mark.parametrize(("version", "shown"), [("2025-11-25", True), ("2025-06-18", False), ("2024-11-05", False)])
def test_a_protocol_older_than_icons_gets_none(version: str, shown: bool, tmp_path: Path):  # noqa: FBT001  # a row
    parameters = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "old", "version": "1"}}
    hello = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": parameters}
    program = [sys.executable, "-m", "img402_mcp"]
    asked = json.dumps(hello) + "\n"
    ended = subprocess.run(program, input=asked, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60)
    result: dict[str, Any] = json.loads(ended.stdout)["result"]
    assert (result["protocolVersion"], "icons" in result["serverInfo"]) == (version, shown)
