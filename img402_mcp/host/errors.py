"""Refusals: `{error, message}`, a code for programs and a sentence that says what to do."""

from collections.abc import Mapping

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from img402_mcp.host.sizes import exact_size
from img402_mcp.wire.img402 import STATUS_OF, Problem

UNCACHED = {
    "Cache-Control": "no-store",
    "Access-Control-Allow-Origin": "*",
    "X-Content-Type-Options": "nosniff",
}


CODE = "img402.code"
"""Where a request's scope holds the code that it was refused with, for the log and the metrics."""


RECEIVED = "img402.received"
"""Where it holds how many bytes of its body came so far."""


class ApiError(Exception):
    """A refused request, with one of the codes in the wire's error table."""

    def __init__(self, code: str, message: str, *, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.retry_after = retry_after

    @property
    def headers(self) -> dict[str, str]:
        return {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}

    def response(self) -> Response:
        return problem(STATUS_OF[self.code], self.code, str(self), self.headers)


def problem(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Response:
    body = Problem(error=code, message=message).model_dump_json(by_alias=True)
    return _Problem(code, body, status, {**UNCACHED, **(headers or {})})


class _Problem(Response):
    def __init__(self, code: str, body: str, status: int, headers: Mapping[str, str]) -> None:
        super().__init__(body, status, headers, "application/json")
        self._code = code

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[CODE] = self._code
        await super().__call__(scope, receive, send)


def too_large(max_bytes: int) -> ApiError:
    return ApiError(
        "file_too_large",
        f"The request carries more than the {exact_size(max_bytes)} that an image may have here. "
        "Make the image smaller (fewer pixels, or WebP) and send it again.",
    )
