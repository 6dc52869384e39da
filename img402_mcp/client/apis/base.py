"""Shared by the upload APIs: a receipt, a multipart body, a check, a usable URL, a refusal in words."""

import json
import re
import secrets
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlsplit

from img402_mcp.caller import worded
from img402_mcp.client.files.image import Image
from img402_mcp.client.http import OnSent, Response
from img402_mcp.errors import BadAnswer, ReadRefused, quoted
from img402_mcp.formats import FORMATS
from img402_mcp.wire.moments import http_date


@dataclass(frozen=True)
class Receipt:
    """Where the image is now. `expires_at` None: never, or not known, which a note then says."""

    url: str
    id: str
    content_type: str
    size_bytes: int
    expires_at: datetime | None
    notes: tuple[str, ...] = ()
    delete_url: str = field(default="", repr=False)
    """Anyone who has it can take the image down; empty where the API gives none."""


@dataclass(frozen=True)
class UploadApi:
    api_url: str

    @property
    def where(self) -> str:
        return urlsplit(self.api_url).netloc


def multipart(field: str, image: Image) -> tuple[dict[str, str], tuple[bytes, ...]]:
    """Headers and body of a form with one file. The file's own name is not sent: it may reveal a lot."""
    boundary = secrets.token_hex(16)
    kind = image.picture.format
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"; filename="image.{kind.extension}"\r\n'
        f"Content-Type: {kind.media_type}\r\n\r\n"
    )
    body = (head.encode("ascii"), image.data, f"\r\n--{boundary}--\r\n".encode("ascii"))
    return {"Content-Type": f"multipart/form-data; boundary={boundary}"}, body


def on_sent(image: Image, progress: Callable[[int, int], Awaitable[None]] | None) -> OnSent | None:
    """`progress` never goes back, as MCP demands, although a second try sends the bytes from the start."""
    total, furthest = len(image.data), 0

    async def report(sent: int) -> None:
        nonlocal furthest
        if progress is not None and (now := min(sent, total)) > furthest:
            furthest = now
            await progress(now, total)

    return report if progress else None


# A URL that we show has no character that could end a markdown link, an HTML attribute or a line.
_SHOWABLE = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+/[A-Za-z0-9._~:/?@!$&'()*+,;=%#-]*")


def showable(url: str, api_url: str) -> str:
    """The URL that the API named, if it may be passed on: https, or http if the API itself uses http."""
    if len(url) > 2048 or not _SHOWABLE.fullmatch(url) or not _schemes_fit(url, api_url):
        raise BadAnswer(
            f"{urlsplit(api_url).netloc} took the image but named no usable URL: {quoted(url)}. Trying again will not "
            "help; tell its operator."
        )
    return url


def _schemes_fit(url: str, api_url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    return bool(parts.hostname) and parts.scheme in {"https", urlsplit(api_url).scheme}


def demand_fits(image: Image, where: str, media_types: Collection[str], most_bytes: int) -> None:
    """Raises ReadRefused if the API would refuse the image, before anything is sent."""
    kind = image.picture.format
    if kind.media_type not in media_types:
        known = ", ".join(each.name for each in FORMATS if each.media_type in media_types)
        raise ReadRefused(
            f"The image is a {kind.name}, and {where} takes {known}. Save it as one of these; nothing was sent."
        )
    if len(image.data) > most_bytes:
        raise ReadRefused(
            f"The image has {len(image.data):,} bytes, and {where} takes at most {most_bytes:,}. Make it smaller: "
            "crop, scale down, or save it as WebP or JPEG; nothing was sent."
        )


def unknown_answer(status: int, api: str, variable: str) -> str:
    """The sentence for an answer that carries no code of the API, with braces as in `in_words`."""
    if status >= 500:
        return "{where} had a server error (status {status}). Try again in a few minutes."
    if 300 <= status < 400:
        return (
            "{where} answered with a redirect (status {status}), which is not followed. If the API has moved, set "
            f"{variable} to its new address."
        )
    if status in {404, 405}:
        return f"There is no {api} API at {{where}} (status {{status}}): {variable} must name its address."
    return "{where} refused the upload (status {status}) without a known reason."


def in_words(  # noqa: PLR0913  # what any sentence may name
    sentence: str,
    answer: Response,
    api_url: str,
    *,
    words: str = "",
    most: int = 200,
    size: int = 0,
    otherwise: str = "later",
) -> str:
    """The sentence with what varies, and `most` of the API's own words; `otherwise`: when to come back by default."""
    where, wait = urlsplit(api_url).netloc, retry_delay_text(answer, otherwise)
    limits = worded(tool="`limits`", command="`img402-mcp doctor`")
    text = sentence.format(where=where, size=size, wait=wait, status=answer.status, limits=limits)
    return f"{text} Its own words: {quoted(words, most)}" if words else text


def fields_in(body: bytes) -> dict[str, object]:
    """The JSON object, or an empty one if there is none."""
    try:
        parsed = json.loads(body, parse_int=_integer)
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _integer(digits: str) -> int | None:
    """Python refuses to parse thousands of digits, which would lose the rest of the answer."""
    return int(digits) if len(digits) < 20 else None


def retry_delay_text(answer: Response, otherwise: str) -> str:
    """When to come back, from Retry-After (RFC 9110, 10.2.3): seconds or a date."""
    value = answer.headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit() and len(value) < 9:
        return _delay(int(value))
    moment = http_date(value)
    return otherwise if moment is None else _delay(int((moment - datetime.now(UTC)).total_seconds()))


def _delay(seconds: int) -> str:
    if seconds > 7 * 86_400:
        return "another day"
    if seconds < 120:
        return f"in {max(seconds, 1)} seconds"
    if seconds < 7200:
        return f"in {seconds // 60} minutes"
    return f"in {seconds // 3600} hours"
