import re
from collections.abc import Iterable
from contextlib import suppress

from anyio import BrokenResourceError
from anyio.abc import SocketAttribute, SocketStream
from anyio.streams.stapled import MultiListener


class Peer:
    """A server that answers with exactly the given bytes, one answer a connection, and records the requests."""

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
            if answer is None:  # the connection ends without an answer
                return
            with suppress(BrokenResourceError):  # the client has stopped reading
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
