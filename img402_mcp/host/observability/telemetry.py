"""What is known of each request once it is answered: one line of the log, and the metrics where they are asked for."""

import time
from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING

from anyio.lowlevel import checkpoint
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from img402_mcp.host.observability.access_log import REQUEST_ID, Answered, current, id_for, log_request
from img402_mcp.host.settings import Network

if TYPE_CHECKING:
    from img402_mcp.host.observability.metrics import Metrics


class Telemetry:
    """Gives each request an id, or takes the one that a trusted proxy gave it; answers with it, logs it, counts it."""

    def __init__(self, app: ASGIApp, trusted: Sequence[Network], metrics: "Metrics | None") -> None:
        self._app, self._trusted, self._metrics = app, trusted, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange, start = _Exchange(receive, send, id_for(scope, self._trusted)), time.perf_counter()
        # Never reset: the server runs each request in a context of its own, and names it in what it logs afterwards.
        current.set(exchange.request_id)
        # What is answered from memory waits for nothing: a caller in this process who asks on and on, or is refused on
        # and on, would keep everybody else from running.
        await checkpoint()
        with self._metrics.in_flight.track_inprogress() if self._metrics else nullcontext():
            try:
                await self._app(scope, exchange.receive, exchange.send)
            finally:
                report(scope, exchange.answered(time.perf_counter() - start), self._trusted, self._metrics)


class _Exchange:
    def __init__(self, receive: Receive, send: Send, request_id: str) -> None:
        self._receive, self._send, self.request_id = receive, send, request_id
        self._status, self._received, self._sent = 500, 0, 0

    def answered(self, seconds: float) -> Answered:
        return Answered(self.request_id, self._status, self._received, self._sent, seconds)

    async def receive(self) -> Message:
        message = await self._receive()
        self._received += len(message.get("body", b""))
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            MutableHeaders(scope=message)[REQUEST_ID] = self.request_id
        self._sent += len(message.get("body", b""))
        await self._send(message)


def report(scope: Scope, answered: Answered, trusted: Sequence[Network], metrics: "Metrics | None") -> None:
    if metrics is not None:
        metrics.answered(scope, answered)
    log_request(scope, answered, trusted)
