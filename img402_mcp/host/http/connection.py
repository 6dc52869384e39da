"""uvicorn's connection with bounds: on their number, on heads, on pipelines, and on readers that do not read.

What is refused here has not become a request yet: no application sees it, and no access log.
"""

from asyncio import BaseTransport, TimerHandle, Transport
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, cast

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from img402_mcp.host.errors import problem
from img402_mcp.host.http.connection_limits import ConnectionLimits, Refusal
from img402_mcp.host.http.write_coalescing import WriteCoalescing
from img402_mcp.host.settings import Network, Timeouts

HEAD_BYTES = 32_768  # Node takes 16 KB, nginx 32 KB, h11 64 KB
HEADERS = 100  # Apache's figure; a browser sends 20
TRAILER_BYTES = 8192  # far more than the checksums that they are used for
PIPELINED = 16  # hardly anybody does; a packet could hold thousands, each of which costs its objects
LINGER = 2  # seconds in which an answer is read by who still sends

MALFORMED = 400, "bad_request", "This is not a valid HTTP request."
TOO_MUCH = 431, "headers_too_large", f"The head has more than {HEADERS} headers or {HEAD_BYTES} bytes."
TRAILERS_TOO_LARGE = 431, "headers_too_large", f"The body's trailers have more than {TRAILER_BYTES} bytes."
TOO_SLOW = 408, "too_slow", "The request's head did not arrive in time."
STALLED = 503, "busy", "The body stalled while others waited for a connection. Send it again."


Header = tuple[bytes, bytes]
FastPathHandler = Callable[[Scope, Sequence[Header]], bytes | None]
"""A request's scope and the server's own headers -> the whole answer, or None: the application is to be asked."""


def no_fast_path(_scope: Scope, _headers: Sequence[Header]) -> None:
    """Every request goes to the application."""


def connections(
    timeouts: Timeouts, fast_path: FastPathHandler = no_fast_path, trusted: Sequence[Network] = ()
) -> type[HttpToolsProtocol]:
    """The protocol for uvicorn's `http`. The connections that one call makes share one bound."""
    limits = ConnectionLimits(timeouts, trusted)
    shared = {"timeouts": timeouts, "limits": limits, "waiting": limits.waiting, "fast_path": staticmethod(fast_path)}
    return type("HttpConnection", (HttpConnection,), shared)


class HttpConnection(HttpToolsProtocol):
    timeouts: ClassVar[Timeouts]
    fast_path: ClassVar[Any]
    """A FastPathHandler."""
    limits: ClassVar[ConnectionLimits]
    waiting: ClassVar[dict["HttpConnection", None]]
    """Those without a request in hand, the longest first; they make room for others."""

    _head_timer: TimerHandle | None = None
    _end_timer: TimerHandle | None = None
    _framing_bytes = 0
    """Bytes that are no body: a head, and a chunked body's sizes, extensions and trailers. The parser keeps some."""
    _refusal: Refusal | None = None
    _refused = False
    _fast_path_left = PIPELINED
    """So many are answered at once before others have their turn."""
    _is_answered = False
    _on_pace = 0.0
    """The moment up to which the body's bytes would have lasted at its rate, never in the future."""

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(cast("Any", WriteCoalescing(cast("Transport", transport), self.loop)))
        if refusal := self.limits.take(self, self.client):
            self._write(refusal)
            self.transport.close()
        else:
            self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        self.limits.leave(self)
        _cancel(self._end_timer)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        self._framing_bytes += len(data)
        self._fast_path_left = PIPELINED
        super().data_received(data)
        if self._refused:
            return
        if self._framing_bytes > HEAD_BYTES:
            self._refuse(TOO_MUCH)
        elif self._head_timer is None and self.timeout_keep_alive_task is None and not self._busy():
            self._wait_for_head()

    def on_headers_complete(self) -> None:
        if len(self.headers) > HEADERS or (self._framing_bytes > HEAD_BYTES and self._size() > HEAD_BYTES):
            raise self._reason(TOO_MUCH)
        if len(self.pipeline) == PIPELINED:
            raise self._reason(MALFORMED)
        self._framing_bytes = 0
        self._forget()
        self._is_answered = self._answer_at_once()
        if not self._is_answered:
            super().on_headers_complete()
            self._on_pace = self.loop.time()
        # A chunked body's trailers land in this list: in the request's own they would pass for headers.
        self.headers = []

    def on_body(self, body: bytes) -> None:
        """Eight times: a chunk may be a single byte, with five around it."""
        self._framing_bytes = max(0, self._framing_bytes - 8 * len(body))
        self._on_pace = min(self.loop.time(), self._on_pace + len(body) / self.timeouts.rate)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Behind a chunked body the list of headers holds its trailers."""
        if self._header_bytes() > TRAILER_BYTES:
            raise self._reason(TRAILERS_TOO_LARGE)
        if not self._is_answered:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self._watch_reader()
        elif not self._busy():
            self.waiting[self] = None

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._watch_reader()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_reader()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  # ours says it in JSON, like every other refusal
        self._refuse(self._refusal or MALFORMED)

    def _answer_at_once(self) -> bool:
        """Without a task, where nobody else's answer is due and the reader reads."""
        answer = self.fast_path(self.scope, self.server_state.default_headers) if self._may_take_fast_path() else None
        if answer is None:
            return False
        self._fast_path_left -= 1
        cast("Any", self.transport).write_now(answer)
        self.on_response_complete()
        return True

    def _may_take_fast_path(self) -> bool:
        self.scope["method"], self.scope["path"] = self.parser.get_method().decode(), self.url.decode("latin-1")
        return (
            self._fast_path_left > 0
            and self.parser.should_keep_alive()
            and self.parser.get_http_version() == "1.1"
            and not self.parser.should_upgrade()
            and not self.flow.write_paused
            and not self._busy()
        )

    def _size(self) -> int:
        return len(self.url) + self._header_bytes()

    def _header_bytes(self) -> int:
        return sum(len(name) + len(value) for name, value in self.headers)

    def _busy(self) -> bool:
        return bool(self.pipeline) or (self.cycle is not None and not self.cycle.response_complete)

    def lag(self) -> float:
        """It owes nothing while bytes of it wait for the host, or the host has not said "100 Continue" yet."""
        owes = self._busy() and not self.pipeline and self.cycle.more_body and not self.cycle.body
        return self.loop.time() - self._on_pace if owes and not self.cycle.waiting_for_100_continue else 0

    def give_way(self) -> None:
        self._forget()
        self.connections.discard(self)
        if self._busy() and not self.cycle.response_started:
            self._write(STALLED)
            self.transport.close()
        else:
            self.transport.abort()

    def _wait_for_head(self) -> None:
        self.waiting[self] = None
        self._head_timer = self.loop.call_later(self.timeouts.head, self._head_is_late)

    def _head_is_late(self) -> None:
        if self._framing_bytes:
            self._refuse(TOO_SLOW)
        else:
            self.transport.close()

    def _forget(self) -> None:
        """No longer one that waits for a head."""
        self.waiting.pop(self, None)
        _cancel(self._head_timer)
        self._head_timer = None

    def _reason(self, refusal: Refusal) -> ValueError:
        """To be raised in a callback; the parser makes it `send_400_response`."""
        self._refusal = refusal
        return ValueError(refusal[1])

    def _refuse(self, refusal: Refusal) -> None:
        self._refused = True
        self._forget()
        if self._busy() and (self.pipeline or self.cycle.response_started or not self.cycle.more_body):
            # Those before are answered first, and theirs would be taken for this one's; the last of them says "close".
            self.cycle.keep_alive = False
            return
        if self._busy():
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self._say(refusal)

    def _say(self, refusal: Refusal) -> None:
        """Then what still comes is dropped for a while: closed at once, the reset could overtake the answer."""
        self._write(refusal)
        self.transport.write_eof()
        self._end_timer = self.loop.call_later(LINGER, self.transport.abort)

    def _write(self, refusal: Refusal) -> None:
        response = problem(*refusal, {"Connection": "close"})
        head = [b"HTTP/1.1 %d Refused" % refusal[0], *(b": ".join(header) for header in response.raw_headers)]
        self.transport.write(b"\r\n".join([*head, b"", bytes(response.body)]))

    def _watch_reader(self) -> None:
        _cancel(self._end_timer)
        unread = self.transport.get_write_buffer_size()
        self._end_timer = self.loop.call_later(self.timeouts.answer, self._check_reader, unread)

    def _check_reader(self, unread: int) -> None:
        """Somebody who reads an answer too slowly, or not at all, is left alone with it."""
        left = self.transport.get_write_buffer_size()
        if left and unread - left < self.timeouts.rate * self.timeouts.answer:
            self.transport.abort()
        elif left:
            self._watch_reader()


def _cancel(timer: TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
