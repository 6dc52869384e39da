"""The log: one line of JSON for each request, and one for each thing that somebody else has to say.

A query is left out of it, since people put secrets there, and so do we: the keys of upload, preview and delete URLs.
"""

import json
import logging
import re
import secrets
import time
from collections.abc import Sequence
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TextIO

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from img402_mcp.host.addresses import client_address, is_trusted
from img402_mcp.host.refusals import CODE
from img402_mcp.host.settings import HostSettings, Network
from img402_mcp.host.shown_settings import shown

LOGGER = "img402_mcp.host.access"
REQUEST_ID = "X-Request-Id"
_GIVEN = re.compile(r"[A-Za-z0-9._:=+/-]{1,64}", re.ASCII)

_log = logging.getLogger(LOGGER)
_current: ContextVar[str | None] = ContextVar("request_id", default=None)
"""Of the request in hand, also in the threads that work for it."""


def write_to(stream: TextIO) -> None:
    """Each line is JSON and nothing else, the server's own complaints too."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_Lines())
    for name in ("img402_mcp.host", "uvicorn"):
        logger = logging.getLogger(name)
        logger.addHandler(handler)
        logger.propagate = False


def tell_settings(settings: HostSettings) -> None:
    told = {"settings": shown(settings)}
    logging.getLogger("img402_mcp.host.settings").info("the settings in force", extra=told)


class _Lines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        if record.name == LOGGER:
            return record.getMessage()
        line = {
            "time": _moment(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "settings": getattr(record, "settings", None),
            "request_id": _current.get(),
            "exception": self.formatException(record.exc_info) if record.exc_info else None,
        }
        return json.dumps({name: value for name, value in line.items() if value is not None})


class AccessLog:
    """Gives each request an id, or takes the one that a trusted proxy gave it, and answers with it."""

    def __init__(self, app: ASGIApp, trusted: Sequence[Network]) -> None:
        self._app, self._trusted = app, trusted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = self._given(scope) or secrets.token_hex(8)
        # Never reset: the server runs each request in a context of its own, and names it in what it logs afterwards.
        _current.set(request_id)
        answer = _Answer(send, request_id)
        start = time.perf_counter()
        try:
            await self._app(scope, receive, answer.send)
        finally:
            self._write(scope, answer, time.perf_counter() - start)

    def _given(self, scope: Scope) -> str | None:
        given = Headers(scope=scope).get(REQUEST_ID)
        return given if given and _GIVEN.fullmatch(given) and is_trusted(scope, self._trusted) else None

    def _write(self, scope: Scope, answer: "_Answer", seconds: float) -> None:
        if not _log.isEnabledFor(logging.INFO):
            return
        line = {
            "time": _moment(),
            "request_id": answer.request_id,
            "method": scope["method"],
            "path": scope["path"],
            "status": answer.status,
            "bytes": answer.bytes,
            "ms": round(seconds * 1000, 1),
            "client": str(client_address(scope, self._trusted) or "unknown"),
        }
        _log.info("%s", json.dumps(line | ({"error": scope[CODE]} if CODE in scope else {})))


def _moment() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class _Answer:
    def __init__(self, send: Send, request_id: str) -> None:
        self._send, self.request_id = send, request_id
        self.status, self.bytes = 500, 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            MutableHeaders(scope=message)[REQUEST_ID] = self.request_id
        self.bytes += len(message.get("body", b""))
        await self._send(message)
