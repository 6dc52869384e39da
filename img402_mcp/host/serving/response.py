"""GET and HEAD of an image. An id's bytes never change, so the id is the strong ETag."""

import re
from collections.abc import AsyncIterator, Callable
from datetime import datetime

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from img402_mcp.host.context import Host
from img402_mcp.host.errors import problem
from img402_mcp.host.storage.blobs.base import Blobs
from img402_mcp.host.storage.cache import LARGEST
from img402_mcp.host.storage.images import StoredImage, parse_name

PIECE = 1_048_576  # up to this an answer is one piece, which is several times faster than a stream
A_YEAR = 31_536_000
# nginx sends the file in place of the answer that says so, with our type and our Cache-Control; the rest is its own.
ACCEL_REDIRECT = "X-Accel-Redirect"
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


class Damaged(OSError):
    """The store has other bytes than were kept. What it has must reach no cache as the image."""


Span = tuple[int, int]
"""First byte and the one behind the last."""


async def image_response(host: Host, request: Request) -> Response:
    name, now = request.path_params["name"], host.now()
    image = named(name, host.images.at_hand) or await to_thread.run_sync(named, name, host.images.find)
    if image is None or is_expired(image, now):
        return missing()
    if host.settings.delivery.accel:
        redirect = {ACCEL_REDIRECT: f"{host.settings.delivery.accel}{image.name}"}
        return Response(None, 200, _own_headers(image, now) | redirect)
    headers = image_headers(image, now)
    if _is_known(request.headers.get("if-none-match"), headers["ETag"]):
        return Response(None, 304, headers)
    return await bytes_response(host.blobs, image, headers, request)


def named(name: str, find: Callable[[str], StoredImage | None]) -> StoredImage | None:
    """The image of that very name, expired or not."""
    parsed = parse_name(name)
    image = find(parsed[0]) if parsed else None
    return image if image is not None and image.name == name else None


def is_expired(image: StoredImage, now: datetime) -> bool:
    return image.expires_at is not None and image.expires_at <= now


async def private_response(host: Host, request: Request, image: StoredImage) -> Response:
    """For a signed URL, which is a secret that expires: no cache may answer in our place."""
    headers = image_headers(image, host.now()) | {
        "Cache-Control": "private, no-store",
        "Referrer-Policy": "no-referrer",
    }
    return await bytes_response(host.blobs, image, headers, request)


def missing() -> Response:
    return problem(404, "not_found", "There is no such image; it may have expired.")


def _read(blobs: Blobs, name: str, start: int, length: int) -> bytes:
    """Blocks."""
    data = blobs.read(name, start, length)
    if len(data) != length:
        raise Damaged(f"{name} has {len(data)} of {length} bytes from {start}; `host admin images verify` shows more")
    return data


ALIKE = {
    "Accept-Ranges": "bytes",
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
}
"""The headers of every image."""


def image_headers(image: StoredImage, now: datetime) -> dict[str, str]:
    return _own_headers(image, now) | ALIKE


def _own_headers(image: StoredImage, now: datetime) -> dict[str, str]:
    etag = f'"{image.id}"'
    return {"Content-Type": image.format.media_type, "Cache-Control": cache_control(image, now), "ETag": etag}


def cache_control(image: StoredImage, now: datetime) -> str:
    """Rounded down: a cache may never outlive the image."""
    left = A_YEAR if image.expires_at is None else int((image.expires_at - now).total_seconds())
    immutable = ", immutable" if image.paid or left >= A_YEAR else ""
    return f"public, max-age={min(left, A_YEAR)}{immutable}"


def _is_known(if_none_match: str | None, etag: str) -> bool:
    tags = [tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")]
    return etag in tags or "*" in tags


async def bytes_response(blobs: Blobs, image: StoredImage, headers: dict[str, str], request: Request) -> Response:
    if request.method == "HEAD":
        return Response(None, 200, headers | {"Content-Length": str(image.size_bytes)})
    # If-Range may name another version; a date never matches, since none is sent.
    is_this = request.headers.get("if-range", headers["ETag"]) == headers["ETag"]
    span = parse_range(request.headers.get("range") if is_this else None, image.size_bytes)
    if span is None:
        message = f"The image has {image.size_bytes} bytes; the range asked for lies outside."
        return problem(416, "range_not_satisfiable", message, {"Content-Range": f"bytes */{image.size_bytes}"})
    start, stop = span
    status, headers = 200, headers | {"Content-Length": str(stop - start)}
    if stop - start < image.size_bytes:
        status, headers["Content-Range"] = 206, f"bytes {start}-{stop - 1}/{image.size_bytes}"
    data = bytes_at_hand(blobs, image)
    if data is not None:
        return Response(data[start:stop], status, headers)
    try:
        first = await to_thread.run_sync(_read, blobs, image.name, start, min(PIECE, stop - start))
    except FileNotFoundError:  # swept between the look-up and the read
        return missing()
    if start + len(first) == stop:
        return Response(first, status, headers)
    return StreamingResponse(_pieces(blobs, image.name, first, (start, stop)), status, headers)


def bytes_at_hand(blobs: Blobs, image: StoredImage) -> bytes | None:
    """All of a small image, if they can be had without waiting."""
    return blobs.read_if_cached(image.name, image.size_bytes) if image.size_bytes <= LARGEST else None


def parse_range(range_header: str | None, size: int) -> Span | None:
    """One satisfiable range; the whole for none, several or one that cannot be read; None if it lies outside."""
    match = _RANGE.fullmatch(range_header.strip()) if range_header else None
    first, last = match.groups() if match else ("0", "")
    if not first and not last:
        return 0, size
    if not first:
        return (max(0, size - int(last)), size) if int(last) else None
    if last and int(last) < int(first):
        return 0, size
    return (int(first), min(size, int(last) + 1 if last else size)) if int(first) < size else None


async def _pieces(blobs: Blobs, name: str, piece: bytes, span: Span) -> AsyncIterator[bytes]:
    at, stop = span
    while piece:
        yield piece
        at += len(piece)
        piece = await to_thread.run_sync(_read, blobs, name, at, min(PIECE, stop - at))
