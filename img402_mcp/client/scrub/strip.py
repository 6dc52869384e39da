"""An image without what came along with it: metadata, thumbnails, hidden bytes; its pixels stay as they are coded.

Nothing is decoded and nothing is encoded again. The file is walked piece by piece, and a list of what decoding needs
says which pieces stay; all others go, known or not. What is left is walked again and must be clean.

What stays: a valid colour profile bit by bit, the density, the animation, and the orientation, as EXIF with that one
tag. Not seen, since only decoding would show it: bytes after the end of the coded pixels inside their own chunk, scan
or block; and what the pixels themselves show. An orientation that is only in XMP is not kept: browsers do not honour
it either.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from img402_mcp.client.scrub import gif, jpeg, png, webp
from img402_mcp.client.scrub.segments import NotClean, Segments
from img402_mcp.formats import JPEG, PNG, WEBP, Format, NotAnImage, Picture, examine
from img402_mcp.formats.base import GIF

CLEANERS: dict[Format, Callable[[Segments], None]] = {
    PNG: png.clean,
    JPEG: jpeg.clean,
    GIF: gif.clean,
    WEBP: webp.clean,
}


@dataclass(frozen=True)
class Scrubbed:
    """`removed` names kinds, never values."""

    data: bytes = field(repr=False)
    picture: Picture
    removed: tuple[str, ...]


def scrubbed(data: bytes, picture: Picture) -> Scrubbed:
    """`data` as examined -> the clean image; the same `data` if there was nothing to remove. Raises NotClean."""
    segments = _stripped(data, picture)
    if surplus := len(data) - picture.end:
        segments.drop(f"{surplus:,} bytes after the image's end")
    if not segments.removed:
        return Scrubbed(data, picture, ())
    clean = segments.joined()
    return Scrubbed(clean, _proven(clean, segments), tuple(segments.removed))


def _stripped(data: bytes, picture: Picture) -> Segments:
    segments = Segments(data, picture)
    try:
        CLEANERS[picture.format](segments)
    except (NotAnImage, struct.error, IndexError):
        raise NotClean(f"is a {picture.format.name} whose structure is broken") from None
    return segments


def _proven(clean: bytes, segments: Segments) -> Picture:
    """The structure is parsed again. The coded pixels were copied, so they are skipped."""
    before = segments.picture
    try:
        after = examine(clean, segments.runs)
    except NotAnImage:
        raise NotClean(f"is a {before.format.name} that is broken without its metadata") from None
    same = (after.format, after.width, after.height) == (before.format, before.width, before.height)
    if not same or after.end != len(clean) or _stripped(clean, after).removed:
        raise NotClean(f"is a {before.format.name} whose metadata could not be removed")
    return after
