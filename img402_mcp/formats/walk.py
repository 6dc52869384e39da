"""Which format it is, and a walk from one end of the image to the other."""

import struct
from collections.abc import Iterator

from img402_mcp.formats import gif, jpeg, png, webp
from img402_mcp.formats.base import GIF, JPEG, PNG, WEBP, Buffer, Format, NotAnImage, Picture, Piece, Runs
from img402_mcp.formats.lookalikes import what_it_is


def sniff(head: bytes) -> Format | None:
    """The format that the magic bytes tell (the first MAGIC_LENGTH are enough), or None."""
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
    """Walk one whole image. Raises NotAnImage; bytes behind `end` are the caller's to judge.

    `runs` of an earlier walk over the same coded pixels are trusted.
    """
    head = bytes(data[:64])
    found = sniff(head)
    if found is None:
        raise NotAnImage(what_it_is(head))
    known = dict(runs or {})
    try:
        width, height, end = _MEASURES[found](data, pieces(data, found, known))
    except (struct.error, IndexError):
        raise NotAnImage(f"is a {found.name} that is cut off, or still being written") from None
    if not width or not height:
        raise NotAnImage(f"is a {found.name} of {width}x{height} pixels")
    return Picture(found, width, height, end, known)


def pieces(data: Buffer, found: Format, runs: Runs) -> Iterator[Piece]:
    """The image piece by piece, to its end. Raises NotAnImage, struct.error or IndexError where it breaks off.

    Leaps over `runs`, and adds those that it finds.
    """
    return _PIECES[found](data, runs)


_PIECES = {PNG: png.pieces, JPEG: jpeg.pieces, GIF: gif.pieces, WEBP: webp.pieces}
_MEASURES = {PNG: png.measure, JPEG: jpeg.measure, GIF: gif.measure, WEBP: webp.measure}
