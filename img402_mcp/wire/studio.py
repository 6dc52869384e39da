"""What travels to and from the studio's uploads (docs/specs/studio.md). The client parses it, the host produces it."""

from typing import Any

from pydantic import BaseModel, ConfigDict

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
"""Statuses: no such token; a token without the capability; too many bytes; what `Invalid` says; come back later."""


class _Wire(BaseModel):
    # defer_build: the models are made ready at their first use, not at every start.
    model_config = ConfigDict(frozen=True, strict=True, defer_build=True)


class StoredInput(_Wire):
    """`upload_key` is the durable handle that workflows take, `image_url` a preview that soon dies and no handle."""

    upload_key: str
    image_url: str


class DetailError(_Wire):
    """Every error but a 422."""

    detail: str


class Flaw(_Wire):
    """What is wrong, and where: `("body", "file")`."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    loc: tuple[str | int, ...]
    msg: str
    type: str
    ctx: dict[str, Any] | None = None


class Invalid(_Wire):
    """A 422."""

    detail: tuple[Flaw, ...]
