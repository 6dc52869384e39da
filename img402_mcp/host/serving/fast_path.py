"""The GET that nearly all are: a whole image, from bytes that are at hand. Answered where the request's head ends.

No task, no framework, one write. Whatever is out of the ordinary goes on to the framework: a range, a condition, a
body, an image that is not here or not at hand.
"""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from starlette.routing import Route
from starlette.types import Scope

from img402_mcp.host.context import Host
from img402_mcp.host.observability.access_log import REQUEST_ID, Answered, id_for
from img402_mcp.host.observability.telemetry import report
from img402_mcp.host.serving.response import (
    ACCEL_REDIRECT,
    ALIKE,
    bytes_at_hand,
    cache_control,
    is_expired,
    missing,
    named,
)

if TYPE_CHECKING:
    from img402_mcp.host.observability.metrics import Metrics

_EXTRAORDINARY = frozenset({b"range", b"if-none-match", b"content-length", b"transfer-encoding"})
_ALIKE = "".join(f"{name}: {value}\r\n" for name, value in ALIKE.items())
ROUTE = Route("/{name}", missing)
"""As whose the metrics count it."""


class FastPath:
    def __init__(self, host: Host, metrics: "Metrics | None") -> None:
        self._host, self._metrics, self._trusted = host, metrics, host.settings.trusted_proxies
        self._accel = host.settings.delivery.accel

    def answer(self, scope: Scope, server_headers: Sequence[tuple[bytes, bytes]]) -> bytes | None:
        """The whole of it, head and body; None: ask the application. Waits for nothing."""
        if scope["method"] != "GET" or not _EXTRAORDINARY.isdisjoint([name for name, _ in scope["headers"]]):
            return None
        start, now = time.perf_counter(), self._host.now()
        image = named(scope["path"][1:], self._host.images.at_hand)
        if image is None or is_expired(image, now):
            return None
        data = b"" if self._accel else bytes_at_hand(self._host.blobs, image)
        if data is None:
            return None
        request_id = id_for(scope, self._trusted)
        more = f"{ACCEL_REDIRECT}: {self._accel}{image.name}\r\n" if self._accel else _ALIKE
        head = (
            f"HTTP/1.1 200 OK\r\n{_lines(server_headers)}Content-Type: {image.format.media_type}\r\n"
            f'Cache-Control: {cache_control(image, now)}\r\nETag: "{image.id}"\r\n{more}'
            f"Content-Length: {len(data)}\r\n{REQUEST_ID}: {request_id}\r\n\r\n"
        )
        scope["route"] = ROUTE
        answered = Answered(request_id, 200, 0, len(data), time.perf_counter() - start)
        report(scope, answered, self._trusted, self._metrics)
        return head.encode() + data


def _lines(headers: Sequence[tuple[bytes, bytes]]) -> str:
    return "".join([f"{name.decode()}: {value.decode()}\r\n" for name, value in headers])
