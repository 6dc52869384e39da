"""Repairs a broken image if the result is certain: the same pixels, in a valid stream."""

import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from img402_mcp.formats.base import GIF, JPEG, PNG, WEBP, Buffer, CutOff, Format, NotAnImage, Picture, TooManyPieces
from img402_mcp.formats.repair import gif, jpeg, png, webp
from img402_mcp.formats.repair.rebuilt import BLANK, BLANKS, Rebuilt
from img402_mcp.formats.walk import examine, known

_REPAIRS: dict[Format, Callable[[Rebuilt], None]] = {
    PNG: png.repair,
    JPEG: jpeg.repair,
    GIF: gif.repair,
    WEBP: webp.repair,
}


@dataclass(frozen=True)
class Repaired:
    """`data` is the same if nothing in the image had to change. It ends at `picture.end`, or goes on.

    `surplus`: how many bytes after the image may mean something; padding does not count.
    `is_proven`: whether no pixel is missing. A JPEG without an end mark may end too early, which only decoding shows.
    """

    data: Buffer = field(repr=False)
    picture: Picture
    repairs: tuple[str, ...]
    surplus: int
    is_proven: bool = True


MAX_CODED_BYTES = 2_000_000
"""For a GIF without its end mark, to check that all pixels are there: a second of pure Python."""


def repaired(data: Buffer, most_coded: int = MAX_CODED_BYTES) -> Repaired:
    """Raises NotAnImage, with the reason. `most_coded` bounds the work on a GIF."""
    try:
        picture = examine(data)
    except TooManyPieces:
        raise
    except NotAnImage:
        return _rebuilt(Rebuilt(data, most_coded), known(data))
    surplus = _surplus(data, picture)
    is_padded = picture.end < len(data) and not surplus
    return Repaired(data, picture, (BLANK,) if is_padded else (), surplus)


def _rebuilt(new: Rebuilt, found: Format) -> Repaired:
    try:
        _REPAIRS[found](new)
    except (struct.error, IndexError):
        raise CutOff(found.name) from None
    whole = new.joined()
    picture = examine(whole)
    return Repaired(whole, picture, tuple(new.said), _surplus(whole, picture), new.is_proven)


def _surplus(data: Buffer, picture: Picture) -> int:
    return len(data) - picture.end if bytes(data[picture.end :]).strip(BLANKS) else 0
