"""The studio, both wings joined in memory: MCP client -> tool -> host -> handle and preview."""

import logging
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from mcp import Client
from mcp_types import TextContent

from img402_mcp.client.settings import Settings, StudioSettings
from img402_mcp.host.apis.studio.accounts import StudioAccounts
from img402_mcp.host.app import create_app, utc_now
from img402_mcp.host.db.database import Database
from img402_mcp.host.settings import host_settings
from img402_mcp.mcp_server.server import create_server

ERAS = pytest.mark.parametrize("era", ["legacy", "2026-07-28"])
API = "http://localhost"


@pytest.fixture
async def studio(tmp_path):
    """The way to the host, and tokens with and without the capability."""
    settings = host_settings({}, data=tmp_path / "host", public_url=API)
    app = create_app(settings)
    database = Database(settings.database)
    accounts = StudioAccounts(database, utc_now)
    tokens = [accounts.add_token(name, may_upload=name == "may")["token"] for name in ("may", "not")]
    async with app.router.lifespan_context(app):
        yield httpx2.ASGITransport(app=app), tokens
    database.close()


@pytest.fixture
def picture(tmp_path, sample) -> Path:
    (tmp_path / "a.webp").write_bytes(sample("lossy.webp"))
    return (tmp_path / "a.webp").resolve()


@asynccontextmanager
async def agent(transport, picture: Path, token: str, era: str = "2026-07-28"):
    settings = Settings(
        API, (picture.parent,), named_state_dir=picture.parent / "state", studio=StudioSettings(API, token)
    )
    async with Client(create_server(settings, transport=transport), mode=era) as client:
        yield client


@ERAS
async def test_an_input_is_uploaded_and_its_preview_shows_it(era, studio, picture, sample, caplog):
    caplog.set_level(logging.DEBUG)
    transport, (token, _) = studio
    async with agent(transport, picture, token, era) as client:
        result = await client.call_tool("upload_input", {"path": str(picture)})
        answer = result.structured_content
        async with httpx2.AsyncClient(transport=transport) as browser:
            served = await browser.get(answer["image_url"])
    (part,) = result.content
    assert isinstance(part, TextContent)
    assert answer.keys() == {"upload_key", "image_url"}
    assert part.text == (
        f"upload_key: {answer['upload_key']} (for workflows, durable)\n"
        f"image_url: {answer['image_url']} (a preview that soon expires, no input)\nimage/webp, 48x32, 650 bytes"
    )
    assert served.content == sample("lossy.webp")
    assert token not in result.model_dump_json() + caplog.text


async def test_a_token_without_the_capability_is_told_apart_from_a_wrong_one(studio, picture):
    transport, (_, without) = studio
    said = []
    for token in (without, "wrong"):
        async with agent(transport, picture, token) as client:
            said.append((await client.call_tool("upload_input", {"path": str(picture)})).model_dump_json())
    assert "localhost knows the token, but it may not upload" in said[0]
    assert "localhost does not take the token: set IMG402_STUDIO_TOKEN" in said[1]


async def test_the_tool_is_listed_only_where_the_studio_is_configured(studio, picture):
    transport, (token, _) = studio
    async with agent(transport, picture, token) as client:
        tool = {tool.name: tool for tool in (await client.list_tools()).tools}["upload_input"]
    assert tool.annotations.model_dump(exclude_none=True) == {"destructive_hint": False}
    assert [*tool.input_schema["properties"]] == ["path", "fit"]
