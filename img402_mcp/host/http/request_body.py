"""How a body must arrive, and what happens to one that is answered early. uvicorn itself waits forever.

A server that closes a connection with bytes unread resets it, and the reset can overtake the answer. So an early answer
goes out first, then what still comes is read and dropped for a while, then the connection is closed.
"""

from asyncio import get_running_loop, timeout

import anyio
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from img402_mcp.host.errors import problem
from img402_mcp.host.settings import Timeouts

DROPPED_BYTES = 32 * 1_048_576  # more than a good client sends anywhere; one far over the limit may see the reset
DROPPED_SECONDS = 10
TOO_SLOW = 408  # says that the rest will not be waited for


class TooSlow(Exception):
    """The rest of a body will not be waited for."""


class RequestBody:
    """A body may fall behind its rate by some seconds. Only waiting counts, not what the host does meanwhile."""

    def __init__(self, app: ASGIApp, timeouts: Timeouts) -> None:
        self._app, self._timeouts = app, timeouts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope) if scope["type"] == "http" else {}
        if headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers:
            await self._app(scope, receive, send)
            return
        # A client that waits for "100 Continue" and gets an answer instead sends no body at all.
        waits_for_continue = headers.get("expect", "").lower() == "100-continue"
        exchange = _Exchange(receive, send, self._timeouts, waits_for_continue=waits_for_continue)
        try:
            await self._app(scope, exchange.receive, exchange.send)
        except TooSlow:
            most, least = self._timeouts.body, self._timeouts.rate
            why = f"The body was too slow: it may fall at most {most} s behind {least} bytes a second. Send it again."
            await problem(TOO_SLOW, "too_slow", why)(scope, exchange.receive, exchange.send)


class _Exchange:
    def __init__(self, receive: Receive, send: Send, timeouts: Timeouts, *, waits_for_continue: bool) -> None:
        self._receive, self._send, self._timeouts = receive, send, timeouts
        self._waits_for_continue, self._more_body = waits_for_continue, True
        self._left: float = timeouts.body

    async def receive(self) -> Message:
        if not self._more_body:  # the next message is that the client is gone, which may take any time
            return await self._receive()
        now = get_running_loop().time
        start = now()
        try:
            async with timeout(self._left):  # anyio's takes twice as long, for each piece of a body
                message = await self._next()
        except TimeoutError:
            raise TooSlow from None
        came = len(message.get("body", b"")) / self._timeouts.rate
        self._left = min(self._timeouts.body, self._left - (now() - start) + came)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and self._more_body:
            MutableHeaders(scope=message)["Connection"] = "close"
            self._more_body = message["status"] != TOO_SLOW
        if message["type"] == "http.response.body" and self._more_body and not message.get("more_body", False):
            await self._send({**message, "more_body": True})
            await self._drop_the_rest()
            message = {"type": "http.response.body"}
        await self._send(message)

    async def _next(self) -> Message:
        message = await self._receive()
        self._waits_for_continue = False
        self._more_body = message["type"] == "http.request" and message.get("more_body", False)
        return message

    async def _drop_the_rest(self) -> None:
        dropped = 0
        with anyio.move_on_after(DROPPED_SECONDS):
            while self._more_body and not self._waits_for_continue and dropped < DROPPED_BYTES:
                dropped += len((await self._next()).get("body", b""))
