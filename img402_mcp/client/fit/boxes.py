"""The colours and depth of an AVIF or HEIC, from the boxes of ISO base media (ISO/IEC 14496-12, 23008-12). Pillow
shows none of them, and libheif only some.
"""

import re
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

MOST_BOXES = 1000  # of one parent; a phone's photo has about a hundred properties
_TRACK_COLOURS = re.compile(rb"colrnclx(....)", re.DOTALL)


class CodedColours(NamedTuple):
    """By the numbers of ITU-T H.273; 2 is unspecified."""

    primaries: int = 2
    transfer: int = 2
    depth: int = 8


def coded_colours(data: bytes) -> CodedColours:
    """Of the primary image. If it has none, those of its tiles or of the track."""
    meta = _first(b"meta", data)[4:]
    properties = _first(b"iprp", meta)
    every = [*_boxes(_first(b"ipco", properties))]
    own = [every[index - 1] for index in _indices(meta, properties) if 0 < index <= len(every)]
    named = own if any(kind == b"colr" for kind, _ in own) else every
    primaries, transfer = _nclx(named) or _of_track(_first(b"moov", data)) or (2, 2)
    depth = max((body[5] for kind, body in own or every if kind == b"pixi" and len(body) > 5), default=8)
    return CodedColours(primaries, transfer, depth)


def _nclx(properties: list[tuple[bytes, bytes]]) -> tuple[int, int] | None:
    for kind, body in properties:
        if kind == b"colr" and body[:4] == b"nclx":
            return _pair(body[4:8])
    return None


def _of_track(moov: bytes) -> tuple[int, int] | None:
    found = _TRACK_COLOURS.search(moov)
    return _pair(found[1]) if found else None


def _pair(body: bytes) -> tuple[int, int]:
    return int.from_bytes(body[:2], "big"), int.from_bytes(body[2:4], "big")


def _indices(meta: bytes, properties: bytes) -> Iterator[int]:
    """The indices of the primary image's properties, counted from 1."""
    item = _first(b"pitm", meta)
    primary = int.from_bytes(item[4:8] if item[:1] == b"\1" else item[4:6], "big")
    table = _first(b"ipma", properties)
    wide_items, wide_indices = table[:1] != b"\0", table[3:4] == b"\1"
    place, size = 8, 4 if wide_items else 2
    for _ in range(min(int.from_bytes(table[4:8], "big"), MOST_BOXES)):
        number, count = int.from_bytes(table[place : place + size], "big"), table[place + size : place + size + 1]
        start, width = place + size + 1, 2 if wide_indices else 1
        place = start + width * (count[0] if count else 0)
        if number == primary:
            yield from _in_steps(table[start:place], width)


def _in_steps(table: bytes, width: int) -> Iterator[int]:
    mask = (1 << (8 * width - 1)) - 1  # the highest bit says that a reader must understand it
    for at in range(0, len(table), width):
        yield int.from_bytes(table[at : at + width], "big") & mask


def _first(wanted: bytes, data: bytes) -> bytes:
    return next((body for kind, body in _boxes(data) if kind == wanted), b"")


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    yield from islice(_all_boxes(data), MOST_BOXES)


def _all_boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 0
    while place + 8 <= len(data):
        size, head = int.from_bytes(data[place : place + 4], "big"), 8
        if size == 1:
            size, head = int.from_bytes(data[place + 8 : place + 16], "big"), 16
        size = size or len(data) - place  # 0: to the end
        if size < head:
            return
        yield data[place + 4 : place + 8], data[place + head : place + size]
        place += size
