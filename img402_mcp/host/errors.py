"""Refusals: `{error, message}`, a code for programs and a sentence that says what to do."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from img402_mcp.host.sizes import exact_size
from img402_mcp.wire.img402 import STATUS_OF, Problem

_log = logging.getLogger("img402_mcp.host.failures")

UNCACHED = {
    "Cache-Control": "no-store",
    "Access-Control-Allow-Origin": "*",
    "X-Content-Type-Options": "nosniff",
}
_STATUSES = {
    **STATUS_OF,
    **dict.fromkeys(("wrong_type", "wrong_size", "wrong_dimensions"), 400),
    **dict.fromkeys(("access_denied", "url_expired", "url_replaced"), 403),
    "already_uploaded": 409,
}
"""Those of the img402 API, then those of signed URLs."""

CODE = "img402.code"
"""Where a request's scope holds the code that it was refused with, for the log and the metrics."""
RECEIVED = "img402.received"
"""Where it holds how many bytes of its body came so far."""


class ApiError(Exception):
    """A refused request."""

    def __init__(self, code: str, message: str, *, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.code, self.retry_after = code, retry_after

    @property
    def headers(self) -> dict[str, str]:
        return {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}

    def response(self) -> Response:
        return problem(_STATUSES[self.code], self.code, str(self), self.headers)


OUT_OF_REACH = (OSError, SQLAlchemyError)
"""What a database or a store raises that is away."""


@contextmanager
def storing(what_failed: str, message: str) -> Iterator[None]:
    """Where the store or the database fails, the log has `what_failed`, and the caller an ApiError with the message."""
    try:
        yield
    except OUT_OF_REACH as error:
        _log.exception("%s", what_failed)
        raise ApiError("upload_failed", message) from error


def json_response(message: BaseModel, headers: Mapping[str, str] | None = None, status: int = 200) -> Response:
    body = message.model_dump_json(by_alias=True)
    return Response(body, status, {**UNCACHED, **(headers or {})}, "application/json")


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
