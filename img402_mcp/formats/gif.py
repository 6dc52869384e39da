"""GIF, block by block (GIF89a)."""

import struct

from img402_mcp.formats.base import MAX_PIECES, Buffer, Measured, NotAnImage, Runs, TooManyPieces, Walk, noted

SHORT_BLOCK = 32
"""Bytes. Encoders fill sub-blocks to 255 bytes, so a long run of them may not be shorter than this on average."""

_EXTENSIONS = tuple(bytes((0x21, label)) for label in range(256))


def walk(data: Buffer, runs: Runs) -> Walk:
    position, block = first_block(data), 0
    while block != 0x3B:
        start, block = position, data[position]
        if block == 0x2C:
            position = runs.get(start) or noted(runs, start, after_blocks(data, pixels_start(data, start)))
            yield b",", start, position
        elif block == 0x21:  # label, sub-blocks
            position = after_blocks(data, start + 2)
            yield _EXTENSIONS[data[start + 1]], start, position
        elif block != 0x3B:
            raise NotAnImage("is a GIF with a broken block")
    yield b";", position, position + 1


def first_block(data: Buffer) -> int:
    return 13 + _colour_table(data[10])


def pixels_start(data: Buffer, frame: int) -> int:
    """After the descriptor, the colour table and the code size."""
    return frame + 11 + _colour_table(data[frame + 9])


def after_blocks(data: Buffer, position: int) -> int:
    for _ in range(MAX_PIECES + len(data) // SHORT_BLOCK):
        size = data[position]
        position += size + 1
        if not size:
            return position
        if size == 0xFF:  # encoders fill their blocks: look at the next 64 lengths at once
            sizes = bytes(data[position : position + 256 * 64 : 256])
            position += 256 * (len(sizes) - len(sizes.lstrip(b"\xff")))
    raise TooManyPieces("GIF")


def measure(data: Buffer, blocks: Walk) -> Measured:
    width, height = struct.unpack_from("<HH", data, 6)
    frames = end = 0
    for kind, start, end in blocks:
        if kind == b",":
            right, bottom = corner(data, start)
            if not frames and (right > width or bottom > height):
                raise NotAnImage("is a GIF whose first frame is larger than the size in its header")
            frames += 1
        elif kind == b"!\xf9" and (data[start + 2] != 4 or end - start != 8):
            raise NotAnImage("is a GIF with a broken block")
    if not frames:
        raise NotAnImage("is a GIF without pixels")
    return width, height, end


def corner(data: Buffer, frame: int) -> tuple[int, int]:
    """The lower right one."""
    left, top, width, height = struct.unpack_from("<HHHH", data, frame + 1)
    if not width or not height:
        raise NotAnImage("is a GIF with a frame that has no size")
    return left + width, top + height


def _colour_table(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0
