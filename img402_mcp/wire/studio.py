"""What travels to and from the studio's uploads (docs/specs/studio.md). The client parses it, the host produces it."""

from typing import Any

from pydantic import ConfigDict, Field

from img402_mcp.wire.base import Message

UPLOADS = "/v1/uploads"
FIELD = "file"
"""The multipart field that holds the image."""

MEDIA_TYPES = ("image/jpeg", "image/png", "image/webp")
MAX_BYTES = 25 * 1024 * 1024
"""The documents' limits. They hold for the file, not for the form around it."""

UNAUTHORIZED = 401
FORBIDDEN = 403
TOO_LARGE = 413
INVALID = 422
RATE_LIMITED = 429
FAILED = 500
"""Statuses: no such token; a token without the capability; too many bytes; what `Invalid` says; try again later."""


class _AsWritten(Message):
    """The studio writes its fields in snake_case."""

    model_config = ConfigDict(alias_generator=None)


class StoredInput(_AsWritten):
    """`upload_key` is the durable handle that workflows take, `image_url` a preview that soon dies and no handle."""

    upload_key: str
    image_url: str


class DetailError(_AsWritten):
    """Every error but a 422."""

    detail: str


class Flaw(_AsWritten):
    """What is wrong, and where: `("body", "file")`."""

    loc: tuple[str | int, ...]
    msg: str
    type: str
    ctx: dict[str, Any] | None = Field(default=None, exclude_if=lambda ctx: ctx is None)


class Invalid(_AsWritten):
    """A 422."""

    detail: tuple[Flaw, ...]
