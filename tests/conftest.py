import json
import re
import struct
import sys
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import TextIO

import pytest
from anyio import BrokenResourceError, create_task_group, create_tcp_listener
from anyio.abc import SocketAttribute, SocketStream
from anyio.streams.stapled import MultiListener

SAMPLES = Path(__file__).parent / "samples"
RECURSION_LIMIT = sys.getrecursionlimit()


def pytest_collection_finish() -> None:
    """Tests that import eth_account themselves raise the limit for all the others; the product never does."""
    sys.setrecursionlimit(RECURSION_LIMIT)


def databases() -> set[str]:
    """The SQLite files that this process has open, where the system tells."""
    found = set()
    for descriptor in Path("/proc/self/fd").glob("*"):
        with suppress(OSError):  # closed meanwhile
            found.add(str(descriptor.readlink()))
    return {path for path in found if re.search(r"\.(sqlite|db)\b", path)}


@pytest.fixture(autouse=True)
def open_databases() -> Iterator[Callable[[], set[str]]]:
    """`open_databases()`: those that the test has open, by their paths. None of them outlives it."""
    before = databases()
    yield lambda: databases() - before
    assert databases() - before == set()


@contextmanager
def _reading(stream: TextIO, take: Callable[[TextIO], object]) -> Iterator[None]:
    reader = Thread(target=take, args=(stream,), daemon=True)
    reader.start()
    try:
        yield
    finally:
        reader.join(20)
        assert not reader.is_alive(), "The program has not ended, or one that it started has not."


@pytest.fixture(scope="session")
def reading() -> Callable[[TextIO, Callable[[TextIO], object]], AbstractContextManager[None]]:
    """`with reading(process.stderr, take):` `take` reads what the program says to its end, in a thread.

    An unread pipe fills up and stops the program. The block is left when the program has ended, and before the pipe is
    closed: a thread that reads a closed one raises.
    """
    return _reading


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def sample() -> Callable[[str], bytes]:
    """The bytes of a small real image: `sample("plain.png")`. All are 48x32 pixels."""
    return lambda name: (SAMPLES / name).read_bytes()


def png(width: int, height: int, *, padding: int = 0) -> bytes:
    """A picture of one colour, whose packed pixels hold some `padding` bytes in blocks of nothing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    lines = zlib.compress((b"\0" + bytes(width)) * height)
    empty = b"\x00\x00\x00\xff\xff"  # a stored block of no bytes (RFC 1951, 3.2.4)
    packed = lines[:2] + empty * (padding // len(empty)) + lines[2:]
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


@pytest.fixture(scope="session")
def picture_of() -> Callable[..., bytes]:
    """`picture_of(width, height, padding=0)`: the bytes of a PNG."""
    return png


class Peer:
    """A server that answers with the very bytes it is told to, one answer a connection, and keeps what it was sent."""

    def __init__(self, listener: MultiListener[SocketStream], answers: Iterable[bytes | None]) -> None:
        self._listener = listener
        self._answers = iter(answers)
        self.requests: list[bytes] = []
        port = listener.extra(SocketAttribute.local_port)
        self.url = f"http://127.0.0.1:{port}"

    async def serve(self) -> None:
        async with self._listener:
            await self._listener.serve(self._answer)

    async def _answer(self, stream: SocketStream) -> None:
        async with stream:
            self.requests.append(await self._request(stream))
            answer = next(self._answers)
            if answer is None:  # the connection ends without a word
                return
            with suppress(BrokenResourceError):  # a client that has heard enough
                for start in range(0, len(answer), 65_536):
                    await stream.send(answer[start : start + 65_536])

    async def _request(self, stream: SocketStream) -> bytes:
        received = b""
        while b"\r\n\r\n" not in received:
            received += await stream.receive()
        head, _, body = received.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head.lower())
        while length and len(body) < int(length[1]):
            body += await stream.receive()
        return head + b"\r\n\r\n" + body


@pytest.fixture
async def peers() -> AsyncIterator[Callable[..., Awaitable[Peer]]]:
    """`await peers(answer, ...)`: a Peer; None as an answer breaks the connection off."""
    async with create_task_group() as tasks:

        async def start(*answers: bytes | None) -> Peer:
            peer = Peer(await create_tcp_listener(local_host="127.0.0.1"), answers)
            tasks.start_soon(peer.serve)
            return peer

        yield start
        tasks.cancel_scope.cancel()


@pytest.fixture
def answering() -> Callable[..., bytes]:
    """`answering(body, status=200, **headers)`: the bytes of an HTTP answer."""

    def answer(body: bytes | dict[str, object], status: int = 200, **headers: str) -> bytes:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(content)}", "Connection: close"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + content

    return answer
