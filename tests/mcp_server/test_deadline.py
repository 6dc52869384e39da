"""An API that accepts a request and never answers, at each step of the way: the call ends in time with what is known.

The clock is the test's own.
"""

import socket
import time
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from mcp import Client
from mcp_types import CallToolResult, TextContent

from img402_mcp.client.deadline import CALL_SECONDS
from img402_mcp.client.settings.model import Money, Settings, WalletSource
from img402_mcp.host.app import create_app
from img402_mcp.host.settings import host_settings
from img402_mcp.mcp_server.server import create_server
from tests.fakes.keys import KEY, PAYEE

API = "http://localhost"
SELLING = {
    "IMG402_HOST_PAY_TO": PAYEE,
    "IMG402_HOST_NETWORK": "base-sepolia",
    "IMG402_HOST_FACILITATOR": "play",
}
WALLET = Money(wallet=WalletSource(key=KEY), networks=("base-sepolia",))
SECONDS = 1.0  # for a call, in place of 50
PAYING_SECONDS = 4.0  # the first signature alone takes one of them on a busy machine
LATEST = 8.0  # after the deadline, on a busy machine; without it each step waits for 5 to 60


@dataclass
class Link(httpx2.AsyncBaseTransport):
    """A link to a host in memory; a request that matches `silent` is accepted and never answered."""

    host: httpx2.ASGITransport
    silent: Callable[[httpx2.Request], bool] = lambda _: False
    proofs: set[str] = field(default_factory=set)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.proofs |= {request.headers[name] for name in ("payment-signature",) if name in request.headers}
        if self.silent(request):
            await request.aread()
            await anyio.sleep_forever()
        return await self.host.handle_async_request(request)


@pytest.fixture
async def link(tmp_path):
    app = create_app(host_settings(SELLING, data=tmp_path / "host", public_url=API))
    async with app.router.lifespan_context(app):
        yield Link(httpx2.ASGITransport(app=app))


@pytest.fixture
def picture(tmp_path, sample) -> Path:
    folder = tmp_path.resolve() / "pictures"
    folder.mkdir()
    (folder / "a.png").write_bytes(sample("plain.png"))
    return folder / "a.png"


@asynccontextmanager
async def agent(link: Link, picture: Path, money: Money | None = None, seconds: float = SECONDS):
    settings = Settings(API, (picture.parent,), picture.parent.parent / "state", money=money or Money())
    async with Client(create_server(settings, transport=link, call_seconds=seconds)) as client:
        for tool in ("find_uploads", *(["payment_status"] if money else [])):
            await client.call_tool(tool)  # the first call's imports take a second on a busy machine
        yield client


async def timed(client: Client, tool: str, seconds: float = SECONDS, **arguments: Any) -> tuple[CallToolResult, str]:
    began = time.monotonic()
    result = await client.call_tool(tool, arguments)
    assert time.monotonic() - began < seconds + LATEST
    (part,) = result.content
    assert isinstance(part, TextContent)
    return result, part.text


def asks(method: str, path: str, *, proof: bool | None = None) -> Callable[[httpx2.Request], bool]:
    """Requests to that path; with or without a proof, where that matters."""

    def matches(request: httpx2.Request) -> bool:
        carries = "payment-signature" in request.headers
        return request.method == method and request.url.path.startswith(path) and proof in {None, carries}

    return matches


def test_a_call_ends_before_clients_cut_it():
    assert CALL_SECONDS <= 50


@pytest.mark.parametrize(
    ("tool", "silent", "sentence"),
    [
        pytest.param("limits", asks("GET", "/openapi.json"), "did not answer in time", id="limits"),
        pytest.param("get_upload_token", asks("POST", "/api/upload/token"), "did not answer in time", id="price"),
        pytest.param("upload_free", asks("POST", "/api/free"), "did not answer in time", id="upload"),
        pytest.param("upload_batch", asks("POST", "/api/free"), "did not answer in time", id="batch"),
    ],
)
async def test_a_silent_step_ends_the_call_in_time(tool, silent, sentence, link, picture):
    link.silent = silent
    known: dict[str, dict[str, Any]] = {
        "upload_free": {"path": str(picture)},
        "upload_batch": {"paths": [str(picture)]},
    }
    arguments = known.get(tool, {})
    async with agent(link, picture) as client:
        result, text = await timed(client, tool, **arguments)
    assert result.is_error is (tool != "limits")
    assert sentence in text


async def test_an_image_over_the_usual_limit_waits_no_longer_for_silent_limits(link, picture, picture_of):
    picture.write_bytes(picture_of(64, 64, padding=1_100_000))
    link.silent = asks("GET", "/openapi.json")
    async with agent(link, picture) as client:
        result, text = await timed(client, "upload_free", path=str(picture))
    assert result.is_error
    assert "There was no time left to ask localhost; nothing was sent to it. Make the same call again." in text


async def test_a_url_that_does_not_answer_is_returned_unverified(link, picture):
    link.silent = lambda request: request.method in {"GET", "HEAD"} and "/api" not in request.url.path
    async with agent(link, picture) as client:
        result, _ = await timed(client, "upload_free", path=str(picture))
    assert not result.is_error
    assert result.structured_content["url"].startswith(API)
    assert result.structured_content["verified"] is False


@pytest.mark.parametrize(
    ("silent", "sentence", "proofs"),
    [
        pytest.param(asks("POST", "/api/upload/token", proof=False), "did not answer in time", 0, id="price"),
        pytest.param(
            asks("POST", "/api/upload/token", proof=True),
            "is in flight",
            1,
            id="token",
        ),
        pytest.param(
            lambda request: request.url.path == "/api/upload",
            "same call again",
            1,
            id="upload",
        ),
    ],
)
async def test_a_paid_call_continues_with_the_same_proof_when_it_is_made_again(silent, sentence, proofs, link, picture):
    link.silent = silent
    async with agent(link, picture, WALLET, PAYING_SECONDS) as client:
        result, text = await timed(client, "upload_paid", PAYING_SECONDS, path=str(picture))
        assert (result.is_error, sentence in text, len(link.proofs)) == (True, True, proofs)
    link.silent = lambda _: False
    async with agent(link, picture, WALLET, CALL_SECONDS) as client:
        again = await client.call_tool("upload_paid", {"path": str(picture)})
        status = await client.call_tool("payment_status")
    assert not again.is_error
    assert status.structured_content["spent_in_all_usdc"] == "0.01"
    assert len(link.proofs) == 1


async def test_what_was_uploaded_before_the_api_stopped_answering_is_reported(link, picture, sample):
    second = picture.with_name("b.png")
    second.write_bytes(sample("animated.png"))
    began = []

    def silent(request: httpx2.Request) -> bool:
        began.extend([request.url.path] if request.url.path == "/api/free" else [])
        return len(began) > 1 and request.url.path == "/api/free"

    link.silent = silent
    async with agent(link, picture) as client:
        result, _ = await timed(client, "upload_batch", paths=[str(picture), str(second)])
    answer = result.structured_content
    assert (len(answer["uploads"]), len(answer["failures"]), len(answer["retry"])) == (1, 1, 1)


async def test_moving_bytes_extend_the_deadline(picture, picture_of, answering):
    """The API reads the body piece by piece, for longer than a call may last, and then answers."""
    picture.write_bytes(picture_of(64, 64, padding=12_000_000))
    pace, seconds = 0.04, 3 * SECONDS

    async def take_slowly(stream) -> None:
        async with stream:
            received = b""
            while not received.endswith(b"--\r\n"):
                received = received[-4:] + await stream.receive(262_144)
                with anyio.move_on_after(pace):
                    await anyio.sleep_forever()
            await stream.send(answering({"url": "http://127.0.0.1/a.png", "expiresAt": None}))

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as tasks:
        # The system's own buffers are small compared to the body.
        listener.extra(anyio.abc.SocketAttribute.raw_socket).setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        tasks.start_soon(listener.serve, take_slowly)
        api = f"http://127.0.0.1:{listener.extra(anyio.abc.SocketAttribute.local_port)}"
        settings = Settings(api, (picture.parent,), picture.parent.parent / "state", verify=False, history=False)
        async with Client(create_server(settings, call_seconds=seconds)) as client:
            began = time.monotonic()
            result = await client.call_tool("upload_free", {"path": str(picture), "fit": "never"})
            took = time.monotonic() - began
        tasks.cancel_scope.cancel()
    assert not result.is_error, result.content
    assert took > seconds


async def test_bytes_that_stop_moving_end_the_call(picture, picture_of):
    picture.write_bytes(picture_of(64, 64, padding=20_000_000))

    async def take_nothing(stream) -> None:
        async with stream:
            await anyio.sleep_forever()

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, take_nothing)
        api = f"http://127.0.0.1:{listener.extra(anyio.abc.SocketAttribute.local_port)}"
        settings = Settings(api, (picture.parent,), picture.parent.parent / "state", verify=False, history=False)
        async with Client(create_server(settings, call_seconds=SECONDS)) as client:
            result, text = await timed(client, "upload_free", path=str(picture), fit="never")
        tasks.cancel_scope.cancel()
    assert result.is_error
    assert "did not answer in time" in text
