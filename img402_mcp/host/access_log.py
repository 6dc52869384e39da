"""One line of JSON for each request. The query is left out, since people put secrets there."""

import json
import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TextIO

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from img402_mcp.host.addresses import client_address
from img402_mcp.host.settings import Network

LOGGER = "img402_mcp.host.access"
_log = logging.getLogger(LOGGER)


def write_to(stream: TextIO) -> None:
    """Each line is JSON and nothing else, unlike what other loggers write."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(message)s"))
    _log.addHandler(handler)
    _log.propagate = False


class AccessLog:
    def __init__(self, app: ASGIApp, trusted: Sequence[Network]) -> None:
        self._app, self._trusted = app, trusted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(send)
        start = time.perf_counter()
        try:
            await self._app(scope, receive, answer.send)
        finally:
            self._write(scope, answer, time.perf_counter() - start)

    def _write(self, scope: Scope, answer: "_Answer", seconds: float) -> None:
        if not _log.isEnabledFor(logging.INFO):
            return
        line = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "method": scope["method"],
            "path": scope["path"],
            "status": answer.status,
            "bytes": answer.bytes,
            "ms": round(seconds * 1000, 1),
            "client": str(client_address(scope, self._trusted) or "unknown"),
        }
        _log.info("%s", json.dumps(line))


class _Answer:
    def __init__(self, send: Send) -> None:
        self._send = send
        self.status, self.bytes = 500, 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        self.bytes += len(message.get("body", b""))
        await self._send(message)
