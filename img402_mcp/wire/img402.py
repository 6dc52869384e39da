"""What travels to and from the img402 API (docs/specs/img402.md). The client parses it, the host produces it.

Strict on the fields we use; unknown fields are ignored.
"""

from typing import Annotated

from pydantic import AwareDatetime, Field

from img402_mcp.wire.base import Message, sent_in_utc

FREE = "/api/free"
TOKEN = "/api/upload/token"  # noqa: S105  # a path, no secret
PAID = "/api/upload"
OPENAPI = "/openapi.json"
WELL_KNOWN = "/.well-known/x402"
TOKEN_HEADER = "X-Upload-Token"  # noqa: S105  # a header's name
FIELD = "image"
"""The multipart field that holds the image; in a JSON body it is `file`, in base64."""

STATUS_OF = {
    "no_file": 400,
    "file_too_large": 400,
    "unsupported_format": 400,
    "empty_file": 400,
    "invalid_token": 401,
    "token_expired": 401,
    "daily_limit": 429,
    "upload_failed": 500,
    # Ours, where the API has no word:
    "invalid_payment": 400,
    "payment_conflict": 409,
    "payment_pending": 503,
    "storage_full": 507,
    "too_many": 429,
}
"""Every error: code -> HTTP status.

invalid_payment: the proof's header cannot be read. payment_conflict: the payment is bound to something else.
payment_pending: the outcome is not known yet; the same proof again, never another. 402 has a form of its own.
storage_full: nothing is taken until there is room; what is there is served.
too_many: too much was refused to this address in the last seconds.
"""


Moment = Annotated[AwareDatetime, sent_in_utc("milliseconds")]


class UploadedImage(Message):
    """The answer to an upload: `{url, id, contentType, sizeBytes, expiresAt}`; expiresAt is null forever."""

    url: str
    id: str
    content_type: str
    size_bytes: int
    expires_at: Moment | None
    # Ours, where the API has nothing: the page that takes the image down. Anyone who has this URL can.
    delete_url: str | None = Field(default=None, exclude_if=lambda url: url is None)


class TokenAnswer(Message):
    """The answer to a payment at TOKEN, unless it was used already: then it is an Uploaded."""

    token: str
    expires_at: Moment


class Problem(Message):
    """Every error: a code for programs and a message for people."""

    error: str
    message: str


Count = Annotated[int, Field(ge=0, le=2**53)]
"""What both wings and a JSON parser of any language can hold."""
Bytes = Annotated[int, Field(ge=1, le=2**53)]


class FreeTier(Message):
    """How long images up to that size are kept; days None: forever."""

    max_bytes: Bytes
    days: Count | None


class FreeTerms(Message):
    """What a free upload gets; None: no such limit. With tiers, `max_bytes` and `days` are those of the largest."""

    max_bytes: Bytes
    days: Count | None
    tiers: tuple[FreeTier, ...] = Field(default=(), max_length=32, exclude_if=lambda tiers: not tiers)
    uploads_a_day: Count | None = None
    uploads_a_day_per_address: Count | None = None

    def days_for(self, size: int) -> int | None:
        """Of an image of that size; None: forever."""
        smallest_first = sorted(self.tiers, key=lambda tier: tier.max_bytes)
        return next((tier.days for tier in smallest_first if size <= tier.max_bytes), self.days)


class PaidTerms(Message):
    """What a paid upload gets. `price` is decimal USDC, such as 0.01, on `network`; days None: forever."""

    max_bytes: Bytes
    days: Count | None
    price: Annotated[str, Field(pattern=r"^[0-9]{1,9}(\.[0-9]{1,6})?$")]
    network: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,32}$")]
    token_minutes: Count

    def days_for(self, _size: int) -> int | None:
        return self.days


class Limits(Message):
    """The limits in force, as `x-img402-limits` at the root of openapi.json: an extension of our host."""

    formats: tuple[Annotated[str, Field(pattern=r"^image/[a-z0-9.+-]{1,32}$")], ...] = Field(max_length=32)
    free: FreeTerms
    paid: PaidTerms | None = None


LIMITS_KEY = "x-img402-limits"
