"""PNG, chunk by chunk (PNG 3rd edition)."""

import struct
import zlib

from img402_mcp.formats.base import MAX_PIECES, Buffer, Measured, NotAnImage, Runs, TooManyPieces, Walk, noted

SIGNATURE_LENGTH, HEADER_LENGTH, AROUND = 8, 13, 12  # of the file, of IHDR's content, around a chunk's content
BIT_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
"""Colour type -> bits of a sample."""
INDEXED = 3


def walk(data: Buffer, runs: Runs) -> Walk:
    position, kind = SIGNATURE_LENGTH, b""
    while kind != b"IEND":
        start = position
        kind, position = chunk(data, start)
        if kind == b"IDAT":
            position = runs.get(start) or noted(runs, start, _pixels(data, position))
        yield kind, start, position


def chunk(data: Buffer, start: int) -> tuple[bytes, int]:
    """Its name and its end, which may be after the data's."""
    length, kind = struct.unpack_from(">I4s", data, start)
    if not kind.isalpha() or (kind == b"IEND" and length):
        raise NotAnImage("is a PNG with a broken chunk")
    return kind, start + AROUND + length


def made_chunk(kind: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I4s", len(content), kind) + content + struct.pack(">I", zlib.crc32(kind + content))


def _pixels(data: Buffer, position: int) -> int:
    for _ in range(MAX_PIECES):
        if data[position + 4 : position + 8] != b"IDAT":
            return position
        _, position = chunk(data, position)
    raise TooManyPieces("PNG")


def measure(data: Buffer, chunks: Walk) -> Measured:
    width, height, colour_type = header(data)
    pixels = palette = False
    end = 0
    for kind, start, end in chunks:
        if kind == b"IDAT":
            pixels = True
        elif not pixels and not is_sound(data, start, end):
            raise NotAnImage("is a PNG with a damaged chunk")
        palette = palette or (kind == b"PLTE" and not pixels)
    if not pixels:
        raise NotAnImage("is a PNG without pixels")
    if colour_type == INDEXED and not palette:
        raise NotAnImage("is a PNG without its palette")
    if end > len(data):
        raise IndexError(end)
    return width, height, end


def header(data: Buffer) -> tuple[int, int, int]:
    """Width, height, colour type."""
    length, kind, width, height, bits, colours, *methods = struct.unpack_from(">I4sII5B", data, SIGNATURE_LENGTH)
    if kind == b"CgBI":
        raise NotAnImage(
            "is a PNG in the form of iPhone apps (CgBI), which only Apple's programs show; "
            "open it in Preview on a Mac and export it as PNG first"
        )
    if kind != b"IHDR" or length != HEADER_LENGTH:
        raise NotAnImage("is a PNG whose first chunk is not its header")
    if bits not in BIT_DEPTHS.get(colours, ()) or methods[:2] != [0, 0] or methods[2] > 1:
        raise NotAnImage("is a PNG whose header makes no sense")
    return width, height, colours


def is_sound(data: Buffer, start: int, end: int) -> bool:
    """Whether its checksum is right."""
    with memoryview(data) as view:
        (said,) = struct.unpack_from(">I", view, end - 4)
        return bool(zlib.crc32(view[start + 4 : end - 4]) == said)
