"""One request out, one bounded answer back. Only this file and ssrf_guard.py reach the network on the client side.

Redirects are never followed, so a proof or a token goes only to the origin it was meant for.
An answer is read up to ANSWER_LIMIT bytes and never decompressed, so that no peer can fill the memory.
"""

import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import cache
from urllib.parse import urlsplit

import anyio
import httpx2

from img402_mcp import __version__
from img402_mcp.client import deadline
from img402_mcp.client.proxies import ProxyUnusable, Routes
from img402_mcp.errors import AnswerLost, BadAnswer, NotReached, UploadFailed, quoted

# Some hundred bytes are usual, a 402 or an openapi.json has some ten thousand.
ANSWER_LIMIT = 1_048_576
# 64 KB pieces are half as slow again; 1 MB pieces gain little and cost memory.
PIECE = 524_288
# How long an exchange may take, in addition to the time that its body needs on the slowest link worth waiting for.
# A tool call also has a deadline for all its requests together.
TIMEOUT = 60.0
SLOWEST_LINK = 50_000  # bytes a second
CONNECTING = 10.0
# A hundred files over a link of 40 ms take twice as long over 8 connections, and hardly less over more.
AT_ONCE = 16
BACKOFF = (0.5, 1.5)  # seconds before the second and the third try
LEAST_TRY = 2.0  # seconds: with less left before the deadline there is no retry

OnSent = Callable[[int], Awaitable[None]]
"""Gets the number of bytes of a body that were given to the network so far."""


@dataclass(frozen=True)
class Request:
    """The whole `body` is in memory, so that the same bytes can be sent again."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    body: tuple[bytes, ...] = field(default=(), repr=False)
    on_sent: OnSent | None = field(default=None, repr=False)

    @property
    def length(self) -> int:
        return sum(map(len, self.body))


@dataclass(frozen=True)
class Response:
    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


Send = Callable[[Request], Awaitable[Response]]
"""Raises NotReached, AnswerLost or BadAnswer; an answer of any status is returned."""


@asynccontextmanager
async def sending(
    transport: httpx2.AsyncBaseTransport | None = None, answer_timeout: float = TIMEOUT
) -> AsyncIterator[Send]:
    """A Send over warm connections. Clients are made on demand: their TLS set-up costs start-up time.

    Each client keeps one connection. A large pool asks each connection for each request, which took a quarter of a
    batch's time.
    """
    turns = anyio.Semaphore(AT_ONCE)  # waiting for a turn does not count as waiting for the network
    made: list[httpx2.AsyncClient] = []
    idle: list[httpx2.AsyncClient] = []
    trusted = cache(_trusted)

    async def send(request: Request) -> Response:
        async with turns:
            if not idle:
                routes, limits = transport or Routes(trusted), timeouts(answer_timeout)
                made.append(httpx2.AsyncClient(transport=routes, timeout=limits, trust_env=False))
                idle.append(made[-1])
            client = idle.pop()  # the one that was used last is most likely still open
            try:
                return await _exchange(client, request, answer_timeout)
            finally:
                idle.append(client)

    try:
        yield send
    finally:
        for client in made:
            await client.aclose()


def retrying(send: Send, pause: Callable[[float], Awaitable[None]] = anyio.sleep) -> Send:
    """Sends the same bytes again, three times in all, after a 5xx or a lost connection. Never for a paid request."""

    async def send_again(request: Request) -> Response:
        for wait in BACKOFF:
            try:
                answer = await send(request)
            except (NotReached, AnswerLost):
                if not _has_time_for_another(wait):
                    raise
            else:
                if answer.status < 500 or not _has_time_for_another(wait):
                    return answer
            await pause(wait)
        return await send(request)

    return send_again


class Tries:
    """`in_doubt`: what was sent may be there. False if every try reached nobody or was definitely refused."""

    def __init__(self, *, in_doubt: bool = False) -> None:
        self.in_doubt = in_doubt
        """An earlier doubt remains."""
        self.made = False

    def watching(self, send: Send) -> Send:
        async def watched(request: Request) -> Response:
            before, self.in_doubt = self.in_doubt, True  # also if the call is cut off
            try:
                answer = await send(request)
            except NotReached:
                self.made, self.in_doubt = True, before
                raise
            self.made, self.in_doubt = True, before or not 300 <= answer.status < 500
            return answer

        return watched


def _has_time_for_another(wait: float) -> bool:
    return deadline.current().left > wait + LEAST_TRY


def _trusted() -> ssl.SSLContext:
    try:
        return httpx2.create_ssl_context()
    except (OSError, ValueError) as error:
        named = next((name for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if os.environ.get(name)), "SSL_CERT_FILE")
        raise NotReached(
            f"The certificates that {named} names cannot be read ({_reason(error)}). Name a file of certificates, or "
            "unset it; nothing was sent."
        ) from error


async def _exchange(client: httpx2.AsyncClient, request: Request, answer_timeout: float) -> Response:
    with errors_as_upload_failures(request, answer_timeout):
        async with client.stream(
            request.method, request.url, headers=headers(request), content=pieces(request), follow_redirects=False
        ) as response:
            return Response(response.status_code, response.headers, await bounded(response, _where(request)))


@contextmanager
def errors_as_upload_failures(request: Request, answer_timeout: float = TIMEOUT) -> Iterator[None]:
    """Network errors, and exchanges that take too long in all, become NotReached, AnswerLost or UploadFailed."""
    where, limits = _where(request), deadline.current()
    if limits.left <= 0:
        raise NotReached(f"There was no time left to ask {where}; nothing was sent to it. Make the same call again.")
    try:
        with limits.limit(answer_timeout + request.length / SLOWEST_LINK):
            yield
    except ProxyUnusable as error:
        raise NotReached(f"{where} could not be asked, and nothing was sent: {error}.") from error
    except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError) as error:
        raise NotReached(
            f"{where} could not be reached ({_reason(error)}); nothing was sent. Is the network up (a "
            "sandbox may have none), and are the API's address and this environment's proxy settings right?"
        ) from error
    except (TimeoutError, httpx2.TimeoutException) as error:
        raise AnswerLost(f"{where} did not answer in time. Try again in a minute.") from error
    except (httpx2.InvalidURL, httpx2.UnsupportedProtocol) as error:
        raise UploadFailed(f"{quoted(where)} is not a valid address: it must look like http(s)://name/path.") from error
    except httpx2.HTTPError as error:
        raise AnswerLost(
            f"{where} closed the connection before answering ({_reason(error)}). Try again; if that does not "
            "help, check the API's address."
        ) from error


def _where(request: Request) -> str:
    """The address without its path and query, which may hold secrets."""
    try:
        return urlsplit(request.url).netloc or request.url.partition("?")[0]
    except ValueError:
        raise UploadFailed(f"{quoted(request.url.partition('?')[0])} is not an address.") from None


def timeouts(answer_timeout: float = TIMEOUT) -> httpx2.Timeout:
    return httpx2.Timeout(answer_timeout, connect=min(CONNECTING, answer_timeout))


def _reason(error: Exception) -> str:
    return str(error)[:120] or type(error).__name__


def headers(request: Request) -> dict[str, str]:
    # identity: an answer of some hundred bytes gains nothing from compression, and without it there are no bombs.
    own = {"User-Agent": f"img402-mcp/{__version__}", "Accept": "application/json", "Accept-Encoding": "identity"}
    return own | {"Content-Length": str(request.length)} | dict(request.headers)


async def pieces(request: Request) -> AsyncIterator[bytes]:
    sent, began = 0, anyio.current_time()
    for part in request.body:
        for start in range(0, len(part), PIECE):
            piece = part[start : start + PIECE]
            yield piece
            sent += len(piece)
            deadline.current().moved(anyio.current_time() - began)
            if request.on_sent is not None:
                await request.on_sent(sent)


async def bounded(response: httpx2.Response, where: str) -> bytes:
    encoding = response.headers.get("content-encoding", "identity")
    if encoding.lower() != "identity":
        raise BadAnswer(f"{where} answered in a compressed form that was not requested; it was not decompressed.")
    body = bytearray()
    async for piece in response.aiter_raw():
        body += piece
        if len(body) > ANSWER_LIMIT:
            raise BadAnswer(f"{where} answered with more than {ANSWER_LIMIT:,} bytes; the rest was not read.")
    return bytes(body)
