"""An agent: an MCP client of our own server, in memory; or the uploader itself."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.session import ElicitationFnT
from mcp_types import CallToolResult, TextContent

from img402_mcp.client.files.roots import Roots
from img402_mcp.client.settings.model import Money, Settings, WalletSource
from img402_mcp.client.upload import Uploader, open_uploader
from img402_mcp.mcp_server.server import create_server
from tests.fakes.keys import KEY
from tests.fakes.wire import API

ERAS = pytest.mark.parametrize("era", ["legacy", "2026-07-28"])


def settings_for(folder: Path, **changes: Any) -> Settings:
    """Settings that allow that folder, with the state next to it."""
    return replace(Settings(API, (folder,), folder.parent / "state"), **changes)


def money(**changes: Any) -> Money:
    """The settings of a wallet for play money."""
    return replace(Money(WalletSource(key=KEY), networks=("base-sepolia",)), **changes)


@asynccontextmanager
async def agent(
    folder: Path,
    wire: httpx2.AsyncBaseTransport | None = None,
    era: str = "2026-07-28",
    on_question: ElicitationFnT | None = None,
    **changes: Any,
) -> AsyncIterator[Client]:
    """`changes` are of the settings."""
    server = create_server(settings_for(folder, **changes), transport=wire)
    async with Client(server, mode=era, elicitation_callback=on_question) as client:
        yield client


@asynccontextmanager
async def uploading(folder: Path, wire: httpx2.AsyncBaseTransport, **changes: Any) -> AsyncIterator[Uploader]:
    settings = settings_for(folder, **changes)
    async with open_uploader(settings, Roots.resolve(settings.allow_dirs), wire) as uploader:
        yield uploader


async def fetched(wire: httpx2.AsyncBaseTransport, url: str) -> bytes:
    """What a browser gets."""
    async with httpx2.AsyncClient(transport=wire) as browser:
        return (await browser.get(url)).raise_for_status().content


def text(result: CallToolResult) -> str:
    (part,) = result.content
    assert isinstance(part, TextContent)
    return part.text


async def spent(client: Client) -> str:
    status = await client.call_tool("payment_status")
    return str((status.structured_content or {})["spent_in_all_usdc"])
