"""PNG, chunk by chunk (PNG 3rd edition)."""

import struct
from collections.abc import Iterator

from img402_mcp.formats.base import Buffer, Measured, NotAnImage, Piece, Runs, noted, reach


def pieces(data: Buffer, runs: Runs) -> Iterator[Piece]:
    position, kind = 8, b""
    while kind != b"IEND":
        start = position
        kind, position = _chunk(data, start)
        if kind == b"IDAT":
            position = runs.get(start) or noted(runs, start, _pixels(data, position))
        yield Piece(kind, start, position)


def _chunk(data: Buffer, start: int) -> tuple[bytes, int]:
    length, kind = struct.unpack_from(">I4s", data, start)
    if not kind.isalpha() or (kind == b"IEND" and length):
        raise NotAnImage("is a PNG with a broken chunk")
    return kind, reach(data, start + 12 + length)


def _pixels(data: Buffer, position: int) -> int:
    while data[position + 4 : position + 8] == b"IDAT":
        _, position = _chunk(data, position)
    return position


def measure(data: Buffer, chunks: Iterator[Piece]) -> Measured:
    length, kind, width, height = struct.unpack_from(">I4sII", data, 8)
    if kind != b"IHDR" or length != 13:
        raise NotAnImage("is a PNG whose first chunk is not its header")
    pixels = end = 0
    for each, _, end in chunks:  # noqa: B007  the last one's is the image's
        pixels |= each == b"IDAT"
    if not pixels:
        raise NotAnImage("is a PNG without pixels")
    return width, height, end
