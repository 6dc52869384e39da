"""A response's head and body are sent together, and nothing that was written is lost."""

import asyncio
import socket
from collections.abc import Callable

import pytest

from img402_mcp.host.http.write_coalescing import LARGE, WriteCoalescing


def both(transport: WriteCoalescing) -> None:
    transport.write(b"head ")
    transport.write(b"body")


def then_large(transport: WriteCoalescing) -> None:
    transport.write(b"head ")
    transport.write(bytes(LARGE))
    transport.write(b"end")


def then_close(transport: WriteCoalescing) -> None:
    both(transport)
    transport.close()


def then_eof(transport: WriteCoalescing) -> None:
    both(transport)
    transport.write_eof()


@pytest.mark.parametrize(
    ("write", "arrives"),
    [
        pytest.param(both, b"head body", id="small"),
        pytest.param(then_large, b"head " + bytes(LARGE) + b"end", id="large"),
        pytest.param(then_close, b"head body", id="closed-at-once"),
        pytest.param(then_eof, b"head body", id="half-closed-at-once"),
    ],
)
async def test_all_that_was_written_arrives_in_order(write: Callable[[WriteCoalescing], None], arrives: bytes):
    ours, theirs = socket.socketpair()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_connection(asyncio.Protocol, sock=ours)
    with theirs:
        theirs.setblocking(False)
        write(WriteCoalescing(transport, loop))
        received = b""
        while len(received) < len(arrives) and (piece := await loop.sock_recv(theirs, 1 << 20)):
            received += piece
        transport.close()
        assert (received + await loop.sock_recv(theirs, 1)) == arrives


async def test_a_head_and_its_body_are_one_write():
    sent: list[bytes] = []

    class Transport(asyncio.Transport):
        def write(self, data: bytes | bytearray | memoryview) -> None:
            sent.append(bytes(data))

        def is_closing(self) -> bool:
            return False

    both(WriteCoalescing(Transport(), asyncio.get_running_loop()))
    assert sent == []
    await asyncio.sleep(0)
    assert sent == [b"head body"]
