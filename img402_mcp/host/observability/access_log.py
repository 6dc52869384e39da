"""The log: one line of JSON for each request, and one for each message of a library.

Queries are left out, since they may hold secrets, such as the keys of upload, preview and delete URLs.
"""

import json
import logging
import re
import time
from collections import deque
from collections.abc import Sequence
from contextlib import nullcontext
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import lru_cache
from json.encoder import encode_basestring_ascii as _in_json
from random import getrandbits
from threading import Event, Thread
from typing import ClassVar, NamedTuple, TextIO

from starlette.datastructures import Headers
from starlette.types import Scope

from img402_mcp.host.client_address import Address, client_address, is_trusted
from img402_mcp.host.errors import CODE
from img402_mcp.host.settings import HostSettings, Network
from img402_mcp.host.settings.shown import shown

LOGGER = "img402_mcp.host.access"
GATHERED = 0.05  # seconds
REQUEST_ID = "X-Request-Id"
_GIVEN = re.compile(r"[A-Za-z0-9._:=+/-]{1,64}", re.ASCII)

_log = logging.getLogger(LOGGER)
current: ContextVar[str | None] = ContextVar("request_id", default=None)
"""Of the request in hand, also in the threads that work for it."""


def write_to(stream: TextIO) -> None:
    """Every line is JSON, the server's own warnings included."""
    handler = _Gathered.of_this_process = _Gathered(stream)
    handler.setFormatter(_Lines())
    # None: any library's warnings.
    for name in (None, "img402_mcp.host", "uvicorn"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]  # without the root handlers, which would write each line once more as plain text
        logger.propagate = False


def log_settings(settings: HostSettings) -> None:
    extra = {"settings": shown(settings)}
    logging.getLogger("img402_mcp.host.settings").info("the settings in force", extra=extra)


class _Gathered(logging.StreamHandler[TextIO]):
    """Writes lines in groups: writing and flushing each one costs more than a small answer.

    A normal exit flushes; a killed process loses the lines of its last moments.
    """

    of_this_process: ClassVar["_Gathered | None"] = None

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._lines: deque[str] = deque()
        self._some = Event()
        Thread(target=self._write_for_ever, name="log", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        self.add(self.format(record))
        self.flush()

    def add(self, line: str) -> None:
        """May be called from any thread; what is added during a write is written next."""
        self._lines.append(line)
        if not self._some.is_set():
            self._some.set()

    def flush(self) -> None:
        with self.lock or nullcontext():
            lines = [self._lines.popleft() for _ in range(len(self._lines))]
            if lines and not self.stream.closed:
                self.stream.write("\n".join([*lines, ""]))
                super().flush()

    def _write_for_ever(self) -> None:
        while self._some.wait():
            self._some.clear()
            time.sleep(GATHERED)
            self.flush()


def flush() -> None:
    """Called before the process ends: uvicorn ends it by the signal that it got, so no exit handler would run."""
    if _Gathered.of_this_process is not None:
        _Gathered.of_this_process.flush()


class _Lines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": _moment(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "settings": getattr(record, "settings", None),
            "request_id": current.get(),
            "exception": self.formatException(record.exc_info) if record.exc_info else None,
        }
        return json.dumps({name: value for name, value in line.items() if value is not None})


class Answered(NamedTuple):
    """`received` and `sent` are bytes of bodies."""

    request_id: str
    status: int
    received: int
    sent: int
    seconds: float


def id_for(scope: Scope, trusted: Sequence[Network]) -> str:
    given = Headers(scope=scope).get(REQUEST_ID) if is_trusted(scope, trusted) else None
    if given and _GIVEN.fullmatch(given):
        return given
    return f"{getrandbits(64):016x}"  # not secret, and needs no system call


def log_request(scope: Scope, answered: Answered, trusted: Sequence[Network]) -> None:
    """Built by hand and without logging records, which cost as much as everything else in a small answer."""
    error = f', "error": "{scope[CODE]}"' if CODE in scope else ""
    line = (
        f'{{"time": "{_moment()}", "request_id": "{answered.request_id}", "method": {_in_json(scope["method"])}, '
        f'"path": {_in_json(scope["path"])}, "status": {answered.status}, "bytes": {answered.sent}, '
        f'"ms": {answered.seconds * 1000:.1f}, "client": "{_text(client_address(scope, trusted))}"{error}}}'
    )
    handler = _Gathered.of_this_process
    if handler is None:
        _log.info("%s", line)
    else:
        handler.add(line)


@lru_cache(maxsize=1024)
def _text(address: Address | None) -> str:
    return str(address or "unknown")


def _moment() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
