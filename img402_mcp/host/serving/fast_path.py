"""The GET that nearly all are: an image, whole. Answered before the framework's layers, which cost several times more.

Whatever is out of the ordinary, a range, a condition, a body, a name that is none, goes on to them. An image that is at
hand is answered where the request's head ends: no task, no framework, one write.
"""

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy.exc import SQLAlchemyError
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from img402_mcp.host.context import Host
from img402_mcp.host.observability.access_log import REQUEST_ID, Answered, id_for, log_request
from img402_mcp.host.serving.response import bytes_response, found_image, image_headers, is_expired, missing
from img402_mcp.host.storage.cache import LARGEST, CachedImage
from img402_mcp.host.storage.images import parse_name

if TYPE_CHECKING:
    from img402_mcp.host.observability.metrics import Metrics

_EXTRAORDINARY = frozenset({b"range", b"if-none-match", b"content-length", b"transfer-encoding"})
ROUTE = Route("/{name}", missing)
"""As whose the metrics count it."""


class PlainGetRouter:
    def __init__(self, app: ASGIApp, host: Host) -> None:
        self._app, self._host = app, host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not is_plain(scope):
            await self._app(scope, receive, send)
            return
        try:
            answer = await self._answer(scope["path"][1:])
        except (OSError, SQLAlchemyError):  # which is told by who is asked next
            answer = self._app
        else:
            scope["route"] = ROUTE
        await answer(scope, receive, send)

    async def _answer(self, name: str) -> ASGIApp:
        now = self._host.now()
        found = await found_image(self._host, name, now)
        if found is None:
            return missing()
        headers = image_headers(found.image, now)
        if found.data is None:
            return await bytes_response(self._host.blobs, found, headers, None)
        return _Whole(found.data, headers)


class _Whole:
    def __init__(self, data: bytes, headers: Mapping[str, str]) -> None:
        self._data = data
        self._headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        headers = [*self._headers, (b"content-length", b"%d" % len(self._data))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": self._data})


def is_plain(scope: Scope) -> bool:
    return (
        scope["type"] == "http"
        and scope["method"] == "GET"
        and parse_name(scope["path"][1:]) is not None
        and not any(name in _EXTRAORDINARY for name, _ in scope["headers"])
    )


class FastPath:
    def __init__(self, host: Host, metrics: "Metrics | None") -> None:
        self._host, self._metrics, self._trusted = host, metrics, host.settings.trusted_proxies

    def answer(self, scope: Scope, server_headers: Sequence[tuple[bytes, bytes]]) -> bytes | None:
        """The whole of it, head and body; None: ask the application. Waits for nothing."""
        start = time.perf_counter()
        now = self._host.now()
        found = self._found(scope["path"][1:], now) if is_plain(scope) else None
        if found is None or found.data is None:
            return None
        request_id = id_for(scope, self._trusted)
        own = b"".join(b"%b: %b\r\n" % header for header in server_headers)
        answer = b"".join((b"HTTP/1.1 200 OK\r\n", own, _head(found, now, request_id), found.data))
        self._log_request(scope, Answered(request_id, 200, len(found.data), time.perf_counter() - start))
        return answer

    def _found(self, name: str, now: datetime) -> CachedImage | None:
        found = self._host.image_cache.get(name, now) or self._read(name, now)
        return None if found is None or is_expired(found.image, now) else found

    def _read(self, name: str, now: datetime) -> CachedImage | None:
        """The bytes of an image whose row is known, if the system has them in memory."""
        image = self._host.image_cache.row(name, now)
        if image is None or image.size_bytes > LARGEST:
            return None
        found = CachedImage(image, self._host.blobs.read_if_cached(name, image.size_bytes))
        self._host.image_cache.put_bytes(found)
        return found

    def _log_request(self, scope: Scope, answered: Answered) -> None:
        log_request(scope, answered, self._trusted)
        if self._metrics is not None:
            scope["route"] = ROUTE
            self._metrics.answered(scope, _Exchange(answered.status, 0, answered.bytes), answered.seconds)


class _Exchange(NamedTuple):
    status: int
    received: int
    sent: int


def _head(found: CachedImage, now: datetime, request_id: str) -> bytes:
    size = 0 if found.data is None else len(found.data)
    more = {"Content-Length": str(size), REQUEST_ID: request_id}
    headers = image_headers(found.image, now) | more
    return "".join([*(f"{name}: {value}\r\n" for name, value in headers.items()), "\r\n"]).encode()
