"""The GET that nearly all are: an image, whole. Answered before the framework's layers, which cost several times more.

Whatever is out of the ordinary, a range, a condition, a body, a name that is none, goes on to them.
"""

from collections.abc import Mapping

from sqlalchemy.exc import SQLAlchemyError
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from img402_mcp.host.context import Host
from img402_mcp.host.serving.response import bytes_response, found_image, image_headers, missing
from img402_mcp.host.storage.images import parse_name

_EXTRAORDINARY = frozenset({b"range", b"if-none-match", b"content-length", b"transfer-encoding"})
ROUTE = Route("/{name}", missing)
"""As whose the metrics count it."""


class PlainGets:
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
