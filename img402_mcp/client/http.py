"""One request out, one bounded answer back: with named_urls.py the only door to the network on the client side.

Redirects are never followed, so that a proof or a token goes nowhere but to the origin it was meant for.
An answer is read up to ANSWER_LIMIT bytes and never unpacked, so that no peer can fill the memory.
"""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

import anyio
import httpx2

from img402_mcp import __version__
from img402_mcp.errors import AnswerLost, BadAnswer, NotReached, UploadFailed, quoted

# Some hundred bytes are usual, a 402 or an openapi.json has some ten thousand.
ANSWER_LIMIT = 1_048_576
# 64 KB pieces take half as long again, 1 MB ones win little and cost memory.
PIECE = 524_288
# How long an exchange may take, beside the time that its body needs on the slowest link that is worth waiting for.
# Three tries stay under the four minutes after which Claude Desktop cuts a call off.
TIMEOUT = 60.0
SLOWEST_LINK = 50_000  # bytes a second
CONNECTING = 10.0
# A hundred files over a link of 40 ms take twice as long over 8 connections, and hardly less over more.
AT_ONCE = 16
ONE = httpx2.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=30)
BACKOFF = (0.5, 1.5)  # seconds before the second and the third try

OnSent = Callable[[int], Awaitable[None]]


@dataclass(frozen=True)
class Request:
    """`body` stands whole in memory, so that the same bytes can be sent again."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    body: tuple[bytes, ...] = field(default=(), repr=False)
    on_sent: OnSent | None = field(default=None, repr=False)
    """Told how many bytes of the body have been handed to the network so far."""

    @property
    def length(self) -> int:
        return sum(map(len, self.body))


@dataclass(frozen=True)
class Response:
    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


Send = Callable[[Request], Awaitable[Response]]
"""Raises NotReached, AnswerLost or BadAnswer; whatever status comes is an Answer."""


@asynccontextmanager
async def sending(
    transport: httpx2.AsyncBaseTransport | None = None, answer_timeout: float = TIMEOUT
) -> AsyncIterator[Send]:
    """A Send over warm connections. A client is made when there is none left: its TLS set-up costs start-up time.

    Each client keeps one connection. A pool of many asks each of them for each request, which took a quarter of a
    batch's time.
    """
    turns = anyio.Semaphore(AT_ONCE)  # the time that a request waits for its turn is no fault of the network
    made: list[httpx2.AsyncClient] = []
    idle: list[httpx2.AsyncClient] = []
    trusted: ssl.SSLContext | None = None

    async def send(request: Request) -> Response:
        nonlocal trusted
        async with turns:
            if not idle:
                trusted = trusted or _trusted()
                made.append(_client(transport, answer_timeout, trusted))
                idle.append(made[-1])
            client = idle.pop()  # the one that was used last is the warmest
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
                pass
            else:
                if answer.status < 500:
                    return answer
            await pause(wait)
        return await send(request)

    return send_again


def reporting(send: Send, on_sent: OnSent) -> Send:
    async def send_reporting(request: Request) -> Response:
        return await send(replace(request, on_sent=on_sent))

    return send_reporting


def _trusted() -> ssl.SSLContext:
    with _errors_as_settings_errors():
        return httpx2.create_ssl_context()


def _client(
    transport: httpx2.AsyncBaseTransport | None, answer_timeout: float, trusted: ssl.SSLContext
) -> httpx2.AsyncClient:
    with _errors_as_settings_errors():
        # A proxy of this environment has no way to an API on this machine.
        direct: dict[str, httpx2.AsyncBaseTransport | None] = (
            {} if transport else dict.fromkeys(("all://127.0.0.1", "all://localhost", "all://[::1]"))
        )
        return httpx2.AsyncClient(
            transport=transport, timeout=timeouts(answer_timeout), limits=ONE, mounts=direct, verify=trusted
        )


@contextmanager
def _errors_as_settings_errors() -> Iterator[None]:
    try:
        yield
    except (ImportError, OSError, ValueError) as error:
        raise NotReached(
            f"The proxy or certificate settings of this environment cannot be used ({_reason(error)}): look at "
            "HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, SSL_CERT_FILE and SSL_CERT_DIR. Nothing was sent."
        ) from error


async def _exchange(client: httpx2.AsyncClient, request: Request, answer_timeout: float) -> Response:
    with errors_as_upload_failures(request, answer_timeout):
        async with client.stream(
            request.method, request.url, headers=headers(request), content=pieces(request), follow_redirects=False
        ) as response:
            return Response(response.status_code, response.headers, await bounded(response, _where(request)))


@contextmanager
def errors_as_upload_failures(request: Request, answer_timeout: float = TIMEOUT) -> Iterator[None]:
    """What goes wrong on the way, or takes too long in all, becomes NotReached, AnswerLost or UploadFailed."""
    where = _where(request)
    try:
        with anyio.fail_after(answer_timeout + request.length / SLOWEST_LINK):
            yield
    except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError) as error:
        raise NotReached(
            f"{where} could not be reached ({_reason(error)}); nothing was sent. Is the network up, and are the API's "
            "address and this environment's proxy settings right?"
        ) from error
    except (TimeoutError, httpx2.TimeoutException) as error:
        raise AnswerLost(f"{where} did not answer in time. Try again in a minute.") from error
    except (httpx2.InvalidURL, httpx2.UnsupportedProtocol) as error:
        raise UploadFailed(f"{quoted(where)} is no address that can be asked: http(s)://name/path is one.") from error
    except httpx2.HTTPError as error:
        raise AnswerLost(
            f"{where} broke off the connection before it had answered ({_reason(error)}). Try again; if that does not "
            "help, look whether the API's address is right."
        ) from error


def _where(request: Request) -> str:
    """The address without its path and query, which may hold secrets."""
    try:
        return urlsplit(request.url).netloc or request.url.partition("?")[0]
    except ValueError:
        raise UploadFailed(f"{quoted(request.url.partition('?')[0])} is no address.") from None


def timeouts(answer_timeout: float = TIMEOUT) -> httpx2.Timeout:
    return httpx2.Timeout(answer_timeout, connect=min(CONNECTING, answer_timeout))


def _reason(error: Exception) -> str:
    return str(error)[:120] or type(error).__name__


def headers(request: Request) -> dict[str, str]:
    # identity: an answer of some hundred bytes gains nothing by compression, and what is not unpacked is no bomb.
    own = {"User-Agent": f"img402-mcp/{__version__}", "Accept": "application/json", "Accept-Encoding": "identity"}
    return own | {"Content-Length": str(request.length)} | dict(request.headers)


async def pieces(request: Request) -> AsyncIterator[bytes]:
    sent = 0
    for part in request.body:
        for start in range(0, len(part), PIECE):
            piece = part[start : start + PIECE]
            yield piece
            sent += len(piece)
            if request.on_sent is not None:
                await request.on_sent(sent)


async def bounded(response: httpx2.Response, where: str) -> bytes:
    encoding = response.headers.get("content-encoding", "identity")
    if encoding.lower() != "identity":
        raise BadAnswer(f"{where} answered in a packed form that was not asked for; it was not unpacked.")
    body = bytearray()
    async for piece in response.aiter_raw():
        body += piece
        if len(body) > ANSWER_LIMIT:
            raise BadAnswer(f"{where} answered with more than {ANSWER_LIMIT:,} bytes; the rest was not read.")
    return bytes(body)
