"""The environment's proxies: an unusable one stops only the requests that would go through it."""

import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest
from anyio.abc import SocketAttribute, SocketStream

from img402_mcp.client.http import Request, sending
from img402_mcp.errors import NotReached

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


async def status(url: str) -> int:
    async with sending(answer_timeout=5) as send:
        return (await send(Request("GET", url))).status


@asynccontextmanager
async def socks_proxy(target: str) -> AsyncIterator[tuple[int, list[str]]]:
    """A SOCKS5 proxy (RFC 1928) that connects to one server, whatever is asked: its port, and the names requested."""
    requested: list[str] = []
    host, port = target.removeprefix("http://").split(":")

    async def pump(source: SocketStream, sink: SocketStream) -> None:
        async for piece in source:
            await sink.send(piece)

    async def serve(stream: SocketStream) -> None:
        async with stream, await anyio.connect_tcp(host, int(port)) as onward:
            await stream.receive(3)
            await stream.send(b"\x05\x00")
            head = await stream.receive(5)
            name = await stream.receive(head[4] + 2)
            requested.append(name[:-2].decode())
            await stream.send(b"\x05\x00\x00\x01" + bytes(4) + struct.pack(">H", 0))
            async with anyio.create_task_group() as pumps:
                pumps.start_soon(pump, stream, onward)
                await pump(onward, stream)
                pumps.cancel_scope.cancel()

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, serve)
        yield listener.extra(SocketAttribute.local_port), requested
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize("scheme", ["socks5", "socks5h", "SOCKS5"])
async def test_a_socks_proxy_is_used(monkeypatch, peers, answering, scheme):
    peer = await peers(answering(b"fine"))
    async with socks_proxy(peer.url) as (port, requested):
        monkeypatch.setenv("ALL_PROXY", f"{scheme}://127.0.0.1:{port}")
        assert await status("http://api.example/limits") == 200
    assert requested == ["api.example"]


@pytest.mark.parametrize("variable", ["ALL_PROXY", "all_proxy", "http_proxy"])
@pytest.mark.parametrize(
    "text",
    [
        pytest.param("nonsense://x", id="scheme"),
        pytest.param("socks4://proxy.example:1080", id="socks4"),
        pytest.param("http://", id="no-host"),
        pytest.param("http://proxy.example:port", id="port"),
        pytest.param("http://[::1", id="bracket"),
        pytest.param("\x00", id="nul", marks=pytest.mark.skip(reason="no environment holds it")),
    ],
)
async def test_an_unusable_proxy_is_named_and_stops_nothing_else(monkeypatch, peers, answering, variable, text):
    peer = await peers(answering(b"fine"))
    monkeypatch.setenv(variable, text)
    assert await status(peer.url) == 200
    with pytest.raises(NotReached) as refused:
        await status("http://api.example")
    assert f"{variable.upper()}, which ends in" in str(refused.value)
    assert "is not an address of a proxy" in str(refused.value)


async def test_a_proxys_password_is_never_shown(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "nonsense://me:secret@proxy.example")
    with pytest.raises(NotReached) as refused:
        await status("https://api.example")
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "named", ["127.1.0.0/16", "*", "intranet.example", ".example"], ids=["network", "all", "name", "suffix"]
)
async def test_the_no_proxy_variable_is_respected(monkeypatch, peers, answering, named):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", named)
    url = "http://127.1.2.3:9" if "/" in named else "http://intranet.example:9"
    with pytest.raises(NotReached) as refused:
        await status(url)
    assert url.removeprefix("http://") in str(refused.value)


async def test_unreadable_certificates_stop_only_what_needs_them(monkeypatch, peers, answering):
    peer = await peers(answering(b"fine"))
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere")
    assert await status(peer.url) == 200
    with pytest.raises(NotReached, match="^The certificates that SSL_CERT_FILE names cannot be read"):
        await status("https://api.example")
