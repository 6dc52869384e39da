"""Shared by the walks over the four formats."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
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

MAX_PIECES = 10_000
"""The most chunks, segments or blocks of one image. Real files have well under a thousand; a GIF has two per frame."""


@dataclass(frozen=True)
class Picture:
    """`end`: just after the image's last byte. `runs`: long pieces of coded pixels, start -> end, for a second walk."""

    format: Format
    width: int
    height: int
    end: int
    runs: "Runs" = field(default_factory=dict, compare=False, repr=False)


Runs = dict[int, int]
MIN_RUN = 4096  # in hostile bytes, one entry covers many pieces

Walk = Iterator[tuple[bytes, int, int]]
"""The fields of a Piece, as plain tuples: creating an object per piece takes longer than reading the piece."""


class Piece(NamedTuple):
    """A PNG or WebP chunk, a JPEG segment or a GIF block, from its first byte to just after its last.

    `kind` is the chunk's name, the marker's second byte, or `,` `;` `!` and the extension's label. Neighbouring IDAT
    chunks are one piece, and so are a scan's header and its data.
    """

    kind: bytes
    start: int
    end: int


class NotAnImage(ValueError):
    """The bytes are not a complete PNG, JPEG, GIF or WebP. `str()` completes a sentence about "it": "is a PDF"."""


class TooManyPieces(NotAnImage):
    """No repair can help."""

    def __init__(self, name: str) -> None:
        super().__init__(f"is a {name} in more than {MAX_PIECES:,} pieces, which no real image has")


class CutOff(NotAnImage):
    """Pixels are missing."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"is a {name} that is cut off, or still being written: try again once it is complete, or save it again"
        )


Measured = tuple[int, int, int]  # width, height, end


def bounded(name: str, walk: Walk) -> Walk:
    yield from islice(walk, MAX_PIECES)
    if next(walk, None) is not None:
        raise TooManyPieces(name)


def noted(runs: Runs, start: int, end: int) -> int:
    if end - start >= MIN_RUN:
        runs[start] = end
    return end
