"""What travels to and from the io42 submissions API (docs/specs/io42.md). The client parses it, the host produces it.

Strict on the fields we use; unknown fields are ignored. Paths begin behind the API's base, which ends in `/api`.
"""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from img402_mcp.wire.base import Message, sent_in_utc

SUBMISSION = "/agents/projects/{project_id}/submissions/{submission_id}"
"""POST asks for an upload URL. It is paid for by x402."""
ID = r"[A-Za-z0-9_-]{1,64}"
"""Project and submission ids: the documents show UUIDs and `sub_789ghi012`."""

MEDIA_TYPES = ("image/jpeg", "image/png", "image/webp")
MAX_BYTES = 20 * 1024 * 1024
MIN_PIXELS = 100
MAX_PIXELS = 2048
"""Of each side. The limits are the documents'."""
URL_MINUTES = 30
"""An upload URL's life."""
REQUESTS_AN_HOUR = 100
"""Of each agent."""

RATE_LIMIT = "X-RateLimit-Limit"
RATE_REMAINING = "X-RateLimit-Remaining"
RATE_RESET = "X-RateLimit-Reset"
"""Rate headers; the reset is in seconds of Unix time."""
FORWARDED_FOR = "X-Forwarded-For"

STATUS_OF = {
    "UNAUTHORIZED": 401,
    "PAYMENT_REQUIRED": 402,
    "PAYMENT_FAILED": 402,
    "VALIDATION_ERROR": 400,
    "PROJECT_NOT_FOUND": 404,
    "PROJECT_NOT_ACCEPTING": 409,
    "SUBMISSION_NOT_FOUND": 404,
    "SUBMISSION_ALREADY_EXISTS": 409,
    "RATE_LIMITED": 429,
    # Ours, where the API has no word:
    "PAYMENT_INVALID": 400,
    "PAYMENT_CONFLICT": 409,
    "PAYMENT_PENDING": 503,
    "UPLOAD_FAILED": 500,
}
"""Code -> HTTP status. The documents name none, so a client goes by the code.

PAYMENT_INVALID: the proof's header cannot be read. PAYMENT_CONFLICT: the payment is bound to something else.
PAYMENT_PENDING: the outcome is not known yet; the same proof again, never another.
"""


Moment = Annotated[AwareDatetime, sent_in_utc("seconds")]


class Intent(Message):
    """The request's body: what will be put to the upload URL."""

    file_name: str
    file_type: str
    file_size: int


class Slot(Message):
    """Where the file is to be put, with PUT and the exact type and length of the Intent, until `expires_at`.

    `file_name` is the name in the storage. `upload_url` is a secret: anyone who holds it can put a file there.
    """

    message: str = "Upload URL generated successfully"
    upload_url: str = Field(repr=False)
    media_file_id: str
    file_name: str
    submission_id: str
    expires_at: Moment


class EnvelopeError(Message):
    code: str
    message: str


class DataEnvelope(Message):
    success: Literal[True] = True
    data: Slot
    error: None = None


class ErrorEnvelope(Message):
    """Every error. A 402 also has the fields `x402Version` and `accepts`."""

    success: Literal[False] = False
    error: EnvelopeError
