"""JPEG, segment by segment (ITU-T T.81 annex B)."""

import re
import struct
from collections.abc import Iterator

from img402_mcp.formats.base import Buffer, Measured, NotAnImage, Piece, Runs, noted, reach

START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


_STANDALONE = frozenset(range(0xD0, 0xD8)) | {0x01, 0xD9}


_START_OF_IMAGE, _END_OF_IMAGE, _START_OF_SCAN = 0xD8, 0xD9, 0xDA


_FILL = re.compile(rb"\xff+")


# Inside a scan FF00 is data, FFD0..FFD7 are restart marks and FF may be repeated as fill; all else ends the scan.
_AFTER_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)


def pieces(data: Buffer, runs: Runs) -> Iterator[Piece]:
    position, marker = 2, 0
    while marker != _END_OF_IMAGE:
        fill = _FILL.match(data, position)
        if not fill and position < len(data):
            raise NotAnImage("is a JPEG with a broken segment")
        start = fill.end() - 1 if fill else position
        marker = data[start + 1]
        position = runs.get(start) or noted(runs, start, _end(data, start, marker))
        yield Piece(bytes((marker,)), start, position)


def _end(data: Buffer, start: int, marker: int) -> int:
    if marker in _STANDALONE:
        return start + 2
    (length,) = struct.unpack_from(">H", data, start + 2)
    if length < 2 or marker < 0xC0 or marker == _START_OF_IMAGE:
        raise NotAnImage("is a JPEG with a broken segment")
    end = reach(data, start + 2 + length)
    if marker != _START_OF_SCAN:
        return end
    found = _AFTER_SCAN.search(data, end)
    return found.start() if found else reach(data, len(data) + 1)


def measure(data: Buffer, segments: Iterator[Piece]) -> Measured:
    width = height = pixels = end = 0
    for kind, start, end in segments:  # noqa: B007  the last one's is the image's
        if kind[0] in START_OF_FRAME and not width:
            height, width = struct.unpack_from(">HH", data, start + 5)
        pixels |= kind[0] == _START_OF_SCAN
    if not pixels:
        raise NotAnImage("is a JPEG without pixels")
    return width, height, end
