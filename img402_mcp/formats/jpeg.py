"""JPEG, segment by segment (ITU-T T.81 annex B)."""

import re
import struct
from collections.abc import Iterator
from typing import NamedTuple

from img402_mcp.formats.base import Buffer, Measured, NotAnImage, Runs, Walk, noted

START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
SHOWN_FRAMES = frozenset({0xC0, 0xC1, 0xC2, 0xC9, 0xCA})
"""The kinds that decoders support: neither lossless nor hierarchical."""
PROGRESSIVE = frozenset({0xC2, 0xCA})

UNKNOWN = frozenset({0xC8, 0xDE, 0xDF, *range(0xF0, 0xFE)})
"""Segments that decoders refuse."""
APPLICATIONS = frozenset({*range(0xE0, 0xF0), 0xFE})
"""Theirs and comments."""

KINDS = tuple(bytes((marker,)) for marker in range(256))
RESTARTS = range(0xD0, 0xD8)
QUANTIZATION, HUFFMAN, _MAX_SYMBOLS = 0xDB, 0xC4, 256
START_OF_IMAGE, END_OF_IMAGE, START_OF_SCAN, RESTART_INTERVAL = 0xD8, 0xD9, 0xDA, 0xDD

_FILL = re.compile(rb"\xff+")
# Inside a scan FF00 is data, FFD0..FFD7 are restart marks and FF may be repeated as fill; anything else ends the scan.
AFTER_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)


def walk(data: Buffer, runs: Runs) -> Walk:
    position, marker = 2, 0
    while marker != END_OF_IMAGE:
        if data[position] != 0xFF:
            raise broken()
        marker = data[position + 1]
        if marker == 0xFF:
            position = after_fill(data, position) - 1
            marker = data[position + 1]
        start = position
        if marker in APPLICATIONS:  # most of them
            position = segment_end(data, start)
        else:
            position = runs.get(start) or noted(runs, start, _end(data, start, marker))
        yield KINDS[marker], start, position


def after_fill(data: Buffer, position: int) -> int:
    fill = _FILL.match(data, position)
    return fill.end() if fill else position


def segment_end(data: Buffer, start: int) -> int:
    length: int = data[start + 2] << 8 | data[start + 3]
    if length < 2:
        raise broken()
    return start + 2 + length


def _end(data: Buffer, start: int, marker: int) -> int:
    if marker in RESTARTS or marker == END_OF_IMAGE:
        return start + 2
    if marker < 0xC0 or marker == START_OF_IMAGE or marker in UNKNOWN:
        raise broken()
    end = segment_end(data, start)
    if marker != START_OF_SCAN:
        return end
    found = AFTER_SCAN.search(data, end)
    return found.start() if found else len(data) + 1


def broken() -> NotAnImage:
    return NotAnImage("is a JPEG with a broken segment")


def measure(data: Buffer, segments: Walk) -> Measured:
    width = height = scans = end = 0
    for kind, start, end in segments:
        marker = kind[0]
        if marker in START_OF_FRAME:
            if width or height:
                raise broken()
            width, height = frame_size(data, start)
        elif marker == START_OF_SCAN:
            check_scan(data, start)
            scans += 1
        elif marker in TABLES:
            for _ in tables_in(data, start, end):
                pass
        elif marker == RESTART_INTERVAL and end - start != 6:
            raise broken()
    if not scans:
        raise NotAnImage("is a JPEG without pixels")
    return width, height, end


def frame_size(data: Buffer, start: int) -> tuple[int, int]:
    marker, length, bits, height, width, components = struct.unpack_from(">xBHBHHB", data, start)
    if length != 8 + 3 * components:
        raise broken()
    if marker not in SHOWN_FRAMES or bits != 8 or components not in (1, 3, 4):
        raise NotAnImage(
            "is a JPEG of a kind that viewers do not show (lossless, 12 bit or hierarchical); save it as PNG first"
        )
    return width, height


def check_scan(data: Buffer, start: int) -> None:
    length, components = struct.unpack_from(">HB", data, start + 2)
    if length != 6 + 2 * components or not 1 <= components <= 4:
        raise broken()


class Table(NamedTuple):
    """`name`: its class and number."""

    name: int
    start: int
    end: int


def tables_in(data: Buffer, start: int, end_of_segment: int) -> Iterator[Table]:
    """The tables in a segment. Raises NotAnImage, or IndexError if the segment is cut off."""
    if end_of_segment > len(data):
        raise IndexError(end_of_segment)
    position, length = start + 4, TABLES[data[start + 1]]
    while position < end_of_segment:
        end = position + length(data, position)
        if end > end_of_segment:
            raise broken()
        yield Table(data[position], position, end)
        position = end


def _quantization_length(data: Buffer, at: int) -> int:
    return 129 if data[at] >> 4 else 65


def _huffman_length(data: Buffer, at: int) -> int:
    symbols = sum(data[at + 1 : at + 17])
    if symbols > _MAX_SYMBOLS:
        raise broken()
    return 17 + symbols


TABLES = {QUANTIZATION: _quantization_length, HUFFMAN: _huffman_length}
