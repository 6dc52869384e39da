"""Answers given before the body was read arrive whole.

A server that closes a connection with bytes unread resets it, and the reset can overtake the answer. So the answer
goes out first, then what still comes is read and dropped for a while, then the connection is closed.
"""

import anyio
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

DROPPED_BYTES = 32 * 1_048_576  # more than a good client sends anywhere; one far over the limit may see the reset
DROPPED_SECONDS = 10
TOO_SLOW = 408  # says that the rest will not be waited for


class LingeringClose:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not has_body(scope):
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, receive, send)
        await self._app(scope, exchange.receive, exchange.send)


def has_body(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


class _Exchange:
    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        # Who waits for "100 Continue" and gets an answer instead sends no body at all.
        self._waits_for_continue = Headers(scope=scope).get("expect", "").lower() == "100-continue"
        self._more_body = True

    async def receive(self) -> Message:
        message = await self._receive()
        self._waits_for_continue = False
        self._more_body = message["type"] == "http.request" and message.get("more_body", False)
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

    async def _drop_the_rest(self) -> None:
        dropped = 0
        with anyio.move_on_after(DROPPED_SECONDS):
            while self._more_body and not self._waits_for_continue and dropped < DROPPED_BYTES:
                dropped += len((await self.receive()).get("body", b""))
