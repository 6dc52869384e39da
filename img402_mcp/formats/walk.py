"""Detects the format, and walks the image from start to end."""

import struct
from collections.abc import Iterator

from img402_mcp.formats import gif, jpeg, png, webp
from img402_mcp.formats.base import (
    GIF,
    JPEG,
    MAGIC_LENGTH,
    PNG,
    WEBP,
    Buffer,
    CutOff,
    Format,
    NotAnImage,
    Picture,
    Piece,
    Runs,
    bounded,
)
from img402_mcp.formats.lookalikes import LOOKED_AT, what_it_is


def sniff(head: bytes) -> Format | None:
    """The format that the magic bytes say (the first MAGIC_LENGTH are enough), or None."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return PNG
    if head.startswith(b"\xff\xd8\xff"):
        return JPEG
    if head.startswith((b"GIF87a", b"GIF89a")):
        return GIF
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return WEBP
    return None


def examine(data: Buffer, runs: Runs | None = None) -> Picture:
    """Raises NotAnImage. The caller judges the bytes after `end`. `runs` of an earlier walk are trusted."""
    found = known(data)
    passed = dict(runs or {})
    try:
        width, height, end = _MEASURES[found](data, bounded(found.name, _WALKS[found](data, passed)))
    except (struct.error, IndexError):
        raise CutOff(found.name) from None
    if not width or not height:
        raise NotAnImage(f"is a {found.name} of {width}x{height} pixels")
    return Picture(found, width, height, end, passed)


def known(data: Buffer) -> Format:
    found = sniff(bytes(data[:MAGIC_LENGTH]))
    if found is None:
        raise NotAnImage(what_it_is(bytes(data[:LOOKED_AT])))
    return found


def pieces(data: Buffer, found: Format, runs: Runs) -> Iterator[Piece]:
    """Skips `runs`, and adds those that it finds. Raises NotAnImage, struct.error or IndexError if it is cut off."""
    return map(Piece._make, bounded(found.name, _WALKS[found](data, runs)))


_WALKS = {PNG: png.walk, JPEG: jpeg.walk, GIF: gif.walk, WEBP: webp.walk}
_MEASURES = {PNG: png.measure, JPEG: jpeg.measure, GIF: gif.measure, WEBP: webp.measure}
