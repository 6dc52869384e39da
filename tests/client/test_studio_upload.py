"""The studio, both wings joined in memory: MCP client -> tool -> host -> handle and preview."""

import logging
from pathlib import Path

import pytest

from img402_mcp.client.settings.studio import StudioSettings
from img402_mcp.host.apis.studio.accounts import StudioAccounts
from img402_mcp.host.app import utc_now
from tests.fakes.agent import ERAS, agent, fetched, text
from tests.fakes.wire import API, Wire, hosting, rows


@pytest.fixture
async def studio(tmp_path):
    """The wire to the host, and tokens with and without the capability."""
    async with hosting(tmp_path / "host") as wire:
        with rows(tmp_path / "host") as database:
            accounts = StudioAccounts(database, utc_now)
            yield wire, [accounts.add_token(name, may_upload=name == "may")["token"] for name in ("may", "not")]


@pytest.fixture
def picture(tmp_path, sample) -> Path:
    (tmp_path / "a.webp").write_bytes(sample("lossy.webp"))
    return (tmp_path / "a.webp").resolve()


def asking(wire: Wire, picture: Path, token: str, era: str = "2026-07-28"):
    return agent(picture.parent, wire, era, apis=(StudioSettings(API, token),))


@ERAS
async def test_an_input_is_uploaded_and_its_preview_shows_it(era, studio, picture, sample, caplog):
    caplog.set_level(logging.DEBUG)
    wire, (token, _) = studio
    async with asking(wire, picture, token, era) as client:
        result = await client.call_tool("upload_input", {"path": str(picture)})
        answer = result.structured_content
        served = await fetched(wire, answer["image_url"])
    assert answer.keys() == {"upload_key", "image_url"}
    assert text(result) == (
        f"upload_key: {answer['upload_key']} (for workflows, durable)\n"
        f"image_url: {answer['image_url']} (only a preview, which soon expires)\nimage/webp, 48x32, 650 bytes."
    )
    assert served == sample("lossy.webp")
    assert token not in result.model_dump_json() + caplog.text


async def test_a_token_without_the_capability_is_told_apart_from_a_wrong_one(studio, picture):
    wire, (_, without) = studio
    answers = []
    for token in (without, "wrong"):
        async with asking(wire, picture, token) as client:
            answers.append((await client.call_tool("upload_input", {"path": str(picture)})).model_dump_json())
    assert "localhost knows the token, but it may not upload" in answers[0]
    assert "localhost does not accept the token: set IMG402_STUDIO_TOKEN" in answers[1]


async def test_the_tool_is_listed_only_where_the_studio_is_configured(studio, picture):
    wire, (token, _) = studio
    async with asking(wire, picture, token) as client:
        tool = {tool.name: tool for tool in (await client.list_tools()).tools}["upload_input"]
    assert tool.annotations.model_dump(exclude_none=True) == {"destructive_hint": False}
    assert [*tool.input_schema["properties"]] == ["path", "fit"]
