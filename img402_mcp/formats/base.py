"""The four formats, a picture, its pieces: what the walks share."""

from dataclasses import dataclass, field
from mmap import mmap
from typing import NamedTuple

Buffer = bytes | bytearray | memoryview | mmap


@dataclass(frozen=True)
class Format:
    name: str
    media_type: str
    extension: str


PNG = Format("PNG", "image/png", "png")


JPEG = Format("JPEG", "image/jpeg", "jpg")


GIF = Format("GIF", "image/gif", "gif")


WEBP = Format("WebP", "image/webp", "webp")


FORMATS = (PNG, JPEG, GIF, WEBP)


MAGIC_LENGTH = 12


@dataclass(frozen=True)
class Picture:
    """What the header says: pixels, and `end`, the offset just behind the image's last byte.

    `runs` are the long pieces of coded pixels, start -> end, over which a second walk can leap.
    """

    format: Format
    width: int
    height: int
    end: int
    runs: "Runs" = field(default_factory=dict, compare=False, repr=False)


Runs = dict[int, int]


MIN_RUN = 4096  # of hostile bytes, one entry stands for many


class Piece(NamedTuple):
    """A PNG or WebP chunk, a JPEG segment or a GIF block, from its first byte to just behind its last.

    `kind` is the chunk's name, the marker's second byte, or `,` `;` `!` and the extension's label. Neighbouring IDAT
    chunks are one piece, and so are a scan's header and its data.
    """

    kind: bytes
    start: int
    end: int


class NotAnImage(ValueError):
    """The bytes are no whole PNG, JPEG, GIF or WebP. `str()` is a clause that goes on from "it": "it is a PDF"."""


Measured = tuple[int, int, int]  # width, height, end


def noted(runs: Runs, start: int, end: int) -> int:
    if end - start >= MIN_RUN:
        runs[start] = end
    return end


def reach(data: Buffer, position: int) -> int:
    if position > len(data):
        raise IndexError(position)
    return position
