"""MCP over HTTP: its sessions are bounded, and end by themselves."""

from contextlib import asynccontextmanager
from dataclasses import replace

import anyio
import httpx2
import pytest

from img402_mcp.client.settings.model import Settings
from img402_mcp.mcp_server.http import http_app
from img402_mcp.mcp_server.server import create_server
from img402_mcp.mcp_server.settings import ServeFlags, ServeSettings, serve_settings

HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
}
PING = {"jsonrpc": "2.0", "id": 2, "method": "ping"}
HEADERS = {"Accept": "application/json, text/event-stream"}


@pytest.fixture
def serving() -> ServeSettings:
    return serve_settings({}, ServeFlags(transport="streamable-http"))


@asynccontextmanager
async def reached(serving: ServeSettings, folder):
    app = http_app(create_server(Settings("http://127.0.0.1:9", (folder,), folder)), serving)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://localhost") as client,
    ):
        yield client


async def test_the_number_of_sessions_is_bounded(serving, tmp_path):
    async with reached(replace(serving, most_sessions=3), tmp_path) as client:
        opened = [await client.post("/mcp", json=HELLO, headers=HEADERS) for _ in range(4)]
        session = {"Mcp-Session-Id": opened[0].headers["mcp-session-id"]}
        ended = await client.delete("/mcp", headers=HEADERS | session)
        after = await client.post("/mcp", json=HELLO, headers=HEADERS)
    assert [answer.status_code for answer in opened] == [200, 200, 200, 503]
    assert (ended.status_code, after.status_code) == (200, 200)


@pytest.mark.parametrize(
    ("names", "status"),
    [
        pytest.param([("Host", "localhost:80")], 200, id="own"),
        pytest.param([("Host", "localhost:80"), ("Host", "evil.example")], 421, id="a-second-host"),
        pytest.param([("Host", "localhost:80:80")], 421, id="two-ports"),
        pytest.param([("Host", "localhost:")], 421, id="an-empty-port"),
        pytest.param([("Host", "localhost:80#evil.example")], 421, id="a-fragment"),
        pytest.param([("Host", "")], 421, id="no-host"),
        pytest.param([("Origin", "http://localhost:80")], 200, id="own-origin"),
        pytest.param([("Origin", "http://localhost:80"), ("Origin", "http://evil.example")], 403, id="a-second-origin"),
        pytest.param([("Origin", "http://localhost:80 http://evil.example")], 403, id="a-list-of-origins"),
        pytest.param([("Origin", "null")], 403, id="a-null-origin"),
    ],
)
async def test_each_host_and_origin_of_a_request_must_be_named(serving, tmp_path, names, status):
    async with reached(serving, tmp_path) as client:
        answer = await client.post("/mcp", json=HELLO, headers=[*HEADERS.items(), *names])
    assert answer.status_code == status


async def test_an_invalid_body_opens_no_session(serving, tmp_path):
    async with reached(replace(serving, most_sessions=1), tmp_path) as client:
        broken = [
            await client.post("/mcp", content=body, headers=HEADERS | {"Content-Type": "application/json"})
            for body in (b"{", b"[]", b"5", b"{}")
        ]
        opened = await client.post("/mcp", json=HELLO, headers=HEADERS)
    assert [answer.status_code for answer in broken] == [400] * 4
    assert opened.status_code == 200


async def test_a_session_that_nobody_uses_ends(serving, tmp_path):
    async with reached(replace(serving, session_idle_seconds=0.05), tmp_path) as client:
        opened = await client.post("/mcp", json=HELLO, headers=HEADERS)
        session = HEADERS | {"Mcp-Session-Id": opened.headers["mcp-session-id"]}
        with anyio.fail_after(10):
            while (await client.post("/mcp", json=PING, headers=session)).status_code != 404:
                with anyio.move_on_after(0.2):
                    await anyio.Event().wait()


def test_the_bounds_are_in_force_by_default(serving):
    assert (serving.session_idle_seconds, serving.most_sessions) == (1800, 256)
