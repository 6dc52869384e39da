"""A fake server is a function from a Request to a Response; a request reaches it in memory or through a socket."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

import httpx2
from anyio import sleep_forever

from img402_mcp.client.http import Request, Response
from img402_mcp.errors import AnswerLost

Answer = Callable[[Request], Response]


class Hanging(Exception):
    """A server that never answers."""


def reply(status: int, document: object = None, **headers: str) -> Response:
    return Response(status, headers, b"" if document is None else json.dumps(document).encode())


async def awaited(answer: Answer, request: Request) -> Response:
    try:
        return answer(request)
    except Hanging:
        await sleep_forever()
        raise


def as_sent(answer: Response) -> httpx2.Response:
    headers = {**answer.headers, "content-length": str(len(answer.body))}
    return httpx2.Response(answer.status, headers=headers, stream=httpx2.ByteStream(answer.body))


class InMemory(httpx2.AsyncBaseTransport):
    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        body = await request.aread()
        return as_sent(
            await awaited(self._answer, Request(request.method, str(request.url), dict(request.headers), (body,)))
        )


@contextmanager
def on_a_socket(answer: Answer) -> Iterator[str]:
    """The URL where threads serve it. A lost answer closes the connection."""
    ended = Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            try:
                response = answer(Request(self.command, f"{url}{self.path}", dict(self.headers), (body,)))
            except Hanging:
                ended.wait()
            except AnswerLost:
                pass
            else:
                self._send(response)

        do_POST = do_DELETE = do_GET  # noqa: N815  # as the library names it

        def _send(self, response: Response) -> None:
            self.send_response(response.status)
            for name, value in {**response.headers, "content-length": str(len(response.body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(response.body)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        url = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield url
        finally:
            ended.set()
            server.shutdown()
            thread.join()
