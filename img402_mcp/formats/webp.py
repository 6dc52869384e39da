"""WebP, chunk by chunk (RFC 9649)."""

import struct
from collections.abc import Callable, Iterator

from img402_mcp.formats.base import Buffer, Measured, NotAnImage, Piece, Runs, reach


def pieces(data: Buffer, _runs: Runs) -> Iterator[Piece]:
    (length,) = struct.unpack_from("<I", data, 4)
    end = reach(data, 8 + length + (length & 1))
    position = 12
    while position < end:
        start = position
        kind, length = struct.unpack_from("<4sI", data, start)
        position += 8 + length + (length & 1)
        yield Piece(kind, start, position)
    if position != end:
        raise NotAnImage("is a WebP with broken chunks")


def measure(data: Buffer, chunks: Iterator[Piece]) -> Measured:
    size: tuple[int, int] | None = None
    pixels = end = 0
    for kind, start, end in chunks:  # noqa: B007  the last one's is the image's
        if kind in SIZES and size is None:
            size = SIZES[kind](data, start + 8)
        pixels |= kind in (b"VP8 ", b"VP8L", b"ANMF")
    if not pixels or size is None:
        raise NotAnImage("is a WebP with broken chunks")
    return *size, end


def _vp8_size(data: Buffer, at: int) -> tuple[int, int]:
    start, width, height = struct.unpack_from("<3sHH", data, at + 3)
    if start != b"\x9d\x01\x2a":
        raise NotAnImage("is a WebP with a broken frame")
    return width & 0x3FFF, height & 0x3FFF


def _vp8l_size(data: Buffer, at: int) -> tuple[int, int]:
    signature, bits = struct.unpack_from("<BI", data, at)
    if signature != 0x2F:
        raise NotAnImage("is a WebP with a broken frame")
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1


def _vp8x_size(data: Buffer, at: int) -> tuple[int, int]:
    width, width_high, height, height_high = struct.unpack_from("<HBHB", data, at + 4)
    return (width | width_high << 16) + 1, (height | height_high << 16) + 1


SIZES: dict[bytes, Callable[[Buffer, int], tuple[int, int]]] = {
    b"VP8 ": _vp8_size,
    b"VP8L": _vp8l_size,
    b"VP8X": _vp8x_size,
}
