"""How long the host waits for others, and how a body must go on. uvicorn itself waits forever."""

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from img402_mcp.host.errors import problem
from img402_mcp.host.http.lingering_close import has_body
from img402_mcp.host.settings import Timeouts


class TooSlow(Exception):
    """The rest of a body will not be waited for."""


class BodyTimeouts:
    """A body may fall behind its rate by some seconds. Only waiting counts, not what the host does meanwhile."""

    def __init__(self, app: ASGIApp, timeouts: Timeouts) -> None:
        self._app, self._timeouts = app, timeouts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not has_body(scope):
            await self._app(scope, receive, send)
            return
        try:
            await self._app(scope, _Paced(receive, self._timeouts).receive, send)
        except TooSlow:
            await self._refusal()(scope, receive, send)

    def _refusal(self) -> ASGIApp:
        most, least = self._timeouts.body, self._timeouts.rate
        message = f"The body was too slow: it may fall at most {most} s behind {least} bytes a second. Send it again."
        return problem(408, "too_slow", message)


class _Paced:
    def __init__(self, receive: Receive, timeouts: Timeouts) -> None:
        self._receive, self._timeouts = receive, timeouts
        self._left: float = timeouts.body
        self._more_body = True

    async def receive(self) -> Message:
        if not self._more_body:  # what comes then is that the client goes, some time
            return await self._receive()
        start = anyio.current_time()
        with anyio.move_on_after(self._left) as waiting:
            message = await self._receive()
        if waiting.cancelled_caught:
            raise TooSlow
        self._more_body = message.get("more_body", False)
        came = len(message.get("body", b"")) / self._timeouts.rate
        self._left = min(self._timeouts.body, self._left - (anyio.current_time() - start) + came)
        return message
