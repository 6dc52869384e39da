"""The img402 API (docs/specs/img402.md): the hosted one, or the same API hosted by oneself."""

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import anyio

from img402_mcp.client.apis.base import Receipt, UploadApi, fields_in, in_words, multipart, showable, unknown_answer
from img402_mcp.client.files.image import Image
from img402_mcp.client.http import OnSent, Request, Response, Send, retrying
from img402_mcp.errors import BadAnswer, TokenRefused, UploadFailed, UploadRejected, quoted
from img402_mcp.formats import FORMATS
from img402_mcp.wire import img402 as wire
from img402_mcp.wire.moments import NEVER, moment_in

DOCUMENTED_ON = "2026-09"
DOCUMENTED = f"{DOCUMENTED_ON}: up to 1 MB free for good, up to 10 MB free for 30 days, 0.01 USDC: up to 10 MB for good"
DEFAULT_TOKEN_LIFE = timedelta(minutes=10)
DOCUMENTED_FREE_TIERS = ((10_000_000, 30), (1_000_000, None))
"""Bytes and days; None: for good."""
DOCUMENTED_FREE_BYTES = tuple(most for most, _ in DOCUMENTED_FREE_TIERS)
DOCUMENTED_PAID_BYTES = 10 * 1024 * 1024
"""The hosted API's terms as last documented. They moved three times in 2026: only the API's own word decides."""


@dataclass(frozen=True)
class Token:
    """Good for one paid upload until it expires."""

    value: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True)
class Img402(UploadApi):
    pause: Callable[[float], Awaitable[None]] = anyio.sleep

    async def upload(self, image: Image, send: Send, on_sent: OnSent | None = None) -> Receipt:
        answer = await retrying(send, self.pause)(self._request(wire.FREE, image, on_sent))
        return self._receipt(image, answer)

    async def upload_with_token(self, image: Image, token: str, send: Send, on_sent: OnSent | None = None) -> Receipt:
        """Raises TokenRefused. The same token with the same bytes buys one image, however often it arrives."""
        if not _TOKEN.fullmatch(token):
            raise TokenRefused("That is not an upload token. Get one with get_upload_token.", code="invalid_token")
        request = self._request(wire.PAID, image, on_sent, {wire.TOKEN_HEADER: token})
        answer = await retrying(send, self.pause)(request)
        return self._receipt(image, answer)

    async def upload_inline(self, image: Image, send: Send, on_sent: OnSent | None = None) -> Receipt:
        """The payment is sent with the image. `send` pays, and is never wrapped in other retries."""
        return self._receipt(image, await send(self._request(wire.PAID, image, on_sent)))

    def token_request(self) -> Request:
        return Request("POST", self.api_url + wire.TOKEN)

    def inline_probe(self) -> Request:
        """Asks for the price of an inline upload without the image."""
        return Request("POST", self.api_url + wire.PAID)

    def token_in(self, answer: Response) -> Token | Receipt:
        """A token for one paid upload; or the image, if the payment has already bought one."""
        if not answer.is_success:
            raise self._rejection(None, answer)
        fields = fields_in(answer.body)
        if not isinstance(value := fields.get("token"), str):
            return self._receipt(None, answer)
        if not _TOKEN.fullmatch(value):
            raise BadAnswer(f"{self.where} answered with something that is not a token.")
        return Token(value, moment_in(fields.get("expiresAt")) or datetime.now(UTC) + DEFAULT_TOKEN_LIFE)

    def receipt_in(self, document: str) -> Receipt:
        """The receipt of an answer that was kept. Raises BadAnswer."""
        return self._receipt(None, Response(200, {}, document.encode()))

    async def limits(self, send: Send) -> wire.Limits | None:
        """As stated in its openapi.json; None if it states none. Raises UploadFailed if it does not answer."""
        answer = await send(Request("GET", self.api_url + wire.OPENAPI))
        if answer.status != 200:
            raise UploadFailed(f"{self.where} answered {answer.status} when asked for its limits.")
        return _limits(fields_in(answer.body).get(wire.LIMITS_KEY))

    def _request(
        self, route: str, image: Image, on_sent: OnSent | None, headers: Mapping[str, str] | None = None
    ) -> Request:
        kind, body = multipart(wire.FIELD, image)
        return Request("POST", self.api_url + route, {**kind, **(headers or {})}, body, on_sent)

    def _receipt(self, image: Image | None, answer: Response) -> Receipt:
        if not answer.is_success:
            raise self._rejection(image, answer)
        fields = fields_in(answer.body)
        if not isinstance(url := fields.get("url"), str):
            words = answer.body[:200].decode("utf-8", "replace")
            raise BadAnswer(
                f"{self.where} answered 200, but with no URL in it: {quoted(words)}. Is the setting "
                f"IMG402_API_URL, now {self.api_url}, the address of an img402 API?"
            )
        return replace(_received(showable(url, self.api_url), fields, image), delete_url=self._delete_url(fields))

    def _delete_url(self, fields: dict[str, object]) -> str:
        """An extension of our host. It is passed on only if it leads to the API itself."""
        url = fields.get("deleteUrl")
        try:
            is_own = isinstance(url, str) and _place(url) == _place(self.api_url)
            return showable(str(url), self.api_url) if is_own else ""
        except (BadAnswer, ValueError):  # ValueError: an invalid host or port
            return ""

    def _rejection(self, image: Image | None, answer: Response) -> UploadRejected | UploadFailed:
        fields = fields_in(answer.body)
        error = fields.get("error")
        code = error if isinstance(error, str) and error in _SENTENCES else _CODE_OF_STATUS.get(answer.status, "")
        words = ": ".join(
            word for word in (error, fields.get("message")) if isinstance(word, str) and word and word != code
        )
        sentence = _SENTENCES.get(code) or _unknown(answer.status, words)
        message = in_words(sentence, answer, self.api_url, words=words, size=len(image.data) if image else 0)
        if answer.status >= 500:
            return UploadFailed(message)
        kind = TokenRefused if code in _TOKEN_CODES else UploadRejected
        return kind(message, code=code, api_message=words)


# The errors of docs/specs/img402.md, each with the way out.
_SENTENCES = {
    "no_file": "{where} found no image in the request. The file was sent, so something between here and there "
    "changed the request: a proxy, or an API of another version.",
    "empty_file": "{where} received an empty file although {size:,} bytes were sent: something in between changed "
    "the request.",
    "file_too_large": "The image has {size:,} bytes, more than {where} takes. Make it smaller (crop, "
    "scale down, or save it as WebP or JPEG) and upload that file; {limits} shows the limit.",
    "unsupported_format": "{where} does not accept this image's format. Save it as a plain PNG or JPEG and upload "
    "that.",
    "daily_limit": "The free uploads of {where} are used up for today; try again {wait}. "
    "Nothing is wrong with the image.",
    "too_many": "{where} received too many requests from here (status {status}); try again {wait}. Nothing is wrong "
    "with the image.",
    "invalid_token": "{where} does not accept this token: it is wrong, or it was used for another image. Get a new one "
    "with get_upload_token.",
    "token_expired": "This token has expired; {where} gives each one a few minutes. Get a new one with "
    "get_upload_token.",
    "payment_conflict": "{where} says that this payment is bound to something else (status {status}).",
    "payment_pending": "{where} does not know yet whether the payment was settled; call again in a minute.",
    "upload_failed": "{where} had a server error (status {status}), three times in a row. Nothing is wrong "
    "with the image: try again in a few minutes.",
}
# For answers that come from something in front of the API and carry none of its codes.
_CODE_OF_STATUS = {413: "file_too_large", 415: "unsupported_format", 429: "too_many"} | dict.fromkeys(
    range(500, 600), "upload_failed"
)

_TOKEN_CODES = {"invalid_token", "token_expired"}
# 40 hexadecimal digits today. Nothing that could break out of a header or a line is a token.
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{8,512}")

_SIZE = re.compile(
    r"(?<![\w.,])(\d{1,3}(?:[, _'\u00a0\u202f]\d{3})+|\d{1,12}(?:\.\d{1,6})?)[ \u00a0]?(bytes|B|KB|KiB|MB|MiB)\b",
    re.IGNORECASE,
)
# All are read as decimal units: the smaller value is safe either way.
_UNITS = {"b": 1, "k": 1000, "m": 1_000_000}


def sizes_in(sentence: str) -> tuple[int, ...]:
    """Every size that a sentence names, in bytes: `1,048,576 bytes (1 MB)` -> (1048576, 1000000)."""
    found = _SIZE.findall(sentence[:1000])
    return tuple(int(float(re.sub(r"[^\d.]", "", number)) * _UNITS[unit[0].lower()]) for number, unit in found)


def _unknown(status: int, words: str) -> str:
    if status in {404, 405} and words:
        return "{where} does not offer this (status {status})."
    if status == 402:
        return "{where} asks for a payment for this upload (status 402), and a free upload never pays."
    return unknown_answer(status, "img402", "IMG402_API_URL")


def _limits(stated: object) -> wire.Limits | None:
    """If the payment part is unusable, the rest still counts."""
    if not isinstance(stated, dict):
        return None
    for document in (stated, stated | {"paid": None}):
        with suppress(ValueError, TypeError, RecursionError):
            return wire.Limits.model_validate_json(json.dumps(document))
    return None


def _place(url: str) -> tuple[str, str, int]:
    """Scheme, host and port. A host on this machine may be reached under several local names."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    return parts.scheme, "localhost" if host in {"127.0.0.1", "::1"} else host, port


def _received(url: str, fields: dict[str, object], image: Image | None) -> Receipt:
    """A known URL is never lost: other fields that are wrong are filled in from what we know, or left out."""
    stem = url.rsplit("/", 1)[-1].partition(".")[0]
    value, kind, size = (fields.get(name) for name in ("id", "contentType", "sizeBytes"))
    known = (each.media_type for each in FORMATS if each.media_type == kind)
    expiry, notes = _expiry(fields)
    return Receipt(
        url=url,
        id=value if isinstance(value, str) and _ID.fullmatch(value) else stem,
        content_type=image.picture.format.media_type if image else next(known, ""),
        size_bytes=len(image.data) if image else max(size, 0) if isinstance(size, int) else 0,
        expires_at=expiry,
        notes=notes,
    )


_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def _expiry(fields: dict[str, object]) -> tuple[datetime | None, tuple[str, ...]]:
    """In UTC. Null and the end of the calendar mean forever; anything else is unknown, and a note says so."""
    value = fields.get("expiresAt", "")
    if value is None:
        return None, ()
    moment = moment_in(value)
    if moment is None:
        return None, ("The API named no usable expiry.",)
    return (None if moment >= NEVER else moment), ()
