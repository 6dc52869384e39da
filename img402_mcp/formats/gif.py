"""GIF, block by block (GIF89a)."""

import struct
from collections.abc import Iterator

from img402_mcp.formats.base import Buffer, Measured, NotAnImage, Piece, Runs, noted


def pieces(data: Buffer, runs: Runs) -> Iterator[Piece]:
    position, block = 13 + _colour_table(data[10]), 0
    while block != 0x3B:
        start, block = position, data[position]
        if block == 0x2C:  # an image: descriptor, colour table, code size, sub-blocks
            inner = start + 10 + _colour_table(data[start + 9]) + 1
            position = runs.get(start) or noted(runs, start, _after_blocks(data, inner))
        elif block == 0x21:  # an extension: label, sub-blocks
            position = _after_blocks(data, start + 2)
        elif block == 0x3B:
            position += 1
        else:
            raise NotAnImage("is a GIF with a broken block")
        yield Piece(bytes(data[start : start + 1 + (block == 0x21)]), start, position)


def _after_blocks(data: Buffer, position: int) -> int:
    while size := data[position]:
        position += size + 1
        if size == 0xFF:  # encoders fill their blocks: look at the next 64 lengths at once
            sizes = bytes(data[position : position + 256 * 64 : 256])
            position += 256 * (len(sizes) - len(sizes.lstrip(b"\xff")))
    return position + 1


def measure(data: Buffer, blocks: Iterator[Piece]) -> Measured:
    width, height = struct.unpack_from("<HH", data, 6)
    pixels = end = 0
    for kind, _, end in blocks:  # noqa: B007  the last one's is the image's
        pixels |= kind == b","
    if not pixels:
        raise NotAnImage("is a GIF without pixels")
    return width, height, end


def _colour_table(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0
