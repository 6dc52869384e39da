"""A transport that sends what is written in one turn of the event loop at once: an answer's head with its body.

Each write of its own wakes the reader, which costs more than all else of a small answer.
"""

from asyncio import AbstractEventLoop, Transport
from typing import Any

LARGE = 65_536  # is sent with what came before it, and copied nowhere


class WriteCoalescing:
    def __init__(self, transport: Transport, loop: AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._held: list[bytes] = []

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # all else is the transport's
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if not self._held:
            self._loop.call_soon(self._send)
        self._held.append(data)
        if len(data) >= LARGE:
            self._send()

    def write_now(self, data: bytes) -> None:
        """What is whole already."""
        if self._held:
            self.write(data)
        else:
            self._transport.write(data)

    def write_eof(self) -> None:
        self._send()
        self._transport.write_eof()

    def close(self) -> None:
        self._send()
        self._transport.close()

    def _send(self) -> None:
        held, self._held = self._held, []
        if not held or self._transport.is_closing():
            return
        if len(held[-1]) >= LARGE:
            self._transport.writelines(held)
        else:
            self._transport.write(b"".join(held))
