"""A host in memory, and a wire to it that can lose requests and answers."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, closing
from datetime import datetime
from pathlib import Path

import httpx2
from starlette.types import ASGIApp

from img402_mcp.client.http import Response
from img402_mcp.host.app import create_app, utc_now
from img402_mcp.host.db.database import Database
from img402_mcp.host.settings import host_settings
from img402_mcp.wire.img402 import TOKEN_HEADER
from img402_mcp.wire.x402 import PAYMENT_HEADERS
from tests.fakes.serving import as_sent, reply

API = "http://localhost"
BRINGS = {TOKEN_HEADER.lower(), *(name.lower() for name in PAYMENT_HEADERS.values())}
Mishap = str | Response | None


class Wire(httpx2.AsyncBaseTransport):
    """Records what passed. `mishaps`: what happens to the next requests with that path or that method.

    None: nothing. "unreached": the request does not arrive. "lost": the host answers, the answer is lost. A Response
    replaces the host's own; "delivered-500": the host does its work, and the status is 500. A POST with neither a proof
    nor a token only asks for the price and always passes.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._inner = httpx2.ASGITransport(app)
        self.passed: list[tuple[str, str, int | str]] = []
        """Method, path, and the answer's status or the mishap."""
        self.requests: list[httpx2.Request] = []
        self.proofs: set[str] = set()
        self.mishaps: dict[str, list[Mishap]] = {}

    @property
    def posted(self) -> list[str]:
        """The paths of the requests that ask for something to be done."""
        return [path for method, path, _ in self.passed if method != "GET"]

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        self.proofs |= {request.headers[name] for name in PAYMENT_HEADERS.values() if name in request.headers}
        mishap = self._mishap_of(request)
        if mishap == "unreached":
            self._passed(request, mishap)
            raise httpx2.ConnectError(mishap, request=request)
        answer = await self._carried_out(request, mishap)
        if mishap == "lost":
            self._passed(request, mishap)
            raise httpx2.ReadError(mishap, request=request)
        self._passed(request, answer.status_code)
        return answer

    def _mishap_of(self, request: httpx2.Request) -> Mishap:
        if request.method == "POST" and not BRINGS & {*map(str.lower, request.headers)}:
            return None
        waiting = self.mishaps.get(request.url.path) or self.mishaps.get(request.method)
        return waiting.pop(0) if waiting else None

    async def _carried_out(self, request: httpx2.Request, mishap: Mishap) -> httpx2.Response:
        if isinstance(mishap, Response):
            return as_sent(mishap)
        answer = await self._inner.handle_async_request(request)
        delivered = (mishap or "").partition("delivered-")[2]
        return as_sent(reply(int(delivered))) if delivered else answer

    def _passed(self, request: httpx2.Request, outcome: int | str) -> None:
        self.passed.append((request.method, request.url.path, outcome))


@asynccontextmanager
async def hosting(
    data: Path, environ: Mapping[str, str] | None = None, now: Callable[[], datetime] = utc_now
) -> AsyncIterator[Wire]:
    """The wire to a whole host."""
    app = create_app(host_settings(environ or {}, data=data, public_url=API), now=now)
    async with app.router.lifespan_context(app):
        yield Wire(app)


def rows(data: Path) -> closing[Database]:
    """The same, from beside the host."""
    return closing(Database(host_settings({}, data=data, public_url=API).database))
