"""WebP, chunk by chunk (RFC 9649), as strictly as libwebp, with which all browsers read it."""

import struct
from collections.abc import Callable
from itertools import islice

from img402_mcp.formats.base import Buffer, CutOff, Measured, NotAnImage, Runs, Walk

ANIMATED, FLAGS = 0x02, 0x3E  # of VP8X; libwebp opens nothing with other flags
SIZE_OF_HEADER = 10
FRAME_HEADER = 24  # the chunk's own, then place, size, duration and flags
PICTURES = (b"VP8 ", b"VP8L")
MAX_IN_A_FRAME = 16  # chunks: alpha, the picture, and a few that decoders skip

Size = tuple[int, int]


def walk(data: Buffer, _runs: Runs) -> Walk:
    end = riff_end(data)
    if end > len(data):
        raise CutOff("WebP")
    yield from chunks(data, 12, end)


def riff_end(data: Buffer) -> int:
    return int(8 + struct.unpack_from("<I", data, 4)[0])


def chunks(data: Buffer, position: int, end: int) -> Walk:
    while position < end:
        start = position
        kind, length = struct.unpack_from("<4sI", data, start)
        position += 8 + length + (length & 1)
        yield kind, start, position
    if position != end:
        raise broken()


def made_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack("<4sI", kind, len(content)) + content + b"\0" * (len(content) & 1)


def broken() -> NotAnImage:
    return NotAnImage("is a WebP with broken chunks")


def measure(data: Buffer, walk: Walk) -> Measured:
    kind, start, _ = next(walk, (b"", 0, 0))
    if kind in PICTURES:
        for _ in walk:
            pass
        return *SIZES[kind](data, start + 8), riff_end(data)
    if kind != b"VP8X" or struct.unpack_from("<I", data, start + 4)[0] < SIZE_OF_HEADER:
        raise broken()
    if data[20] & ~FLAGS:
        raise broken()
    size = SIZES[kind](data, start + 8)
    if data[20] & ANIMATED:
        _check_frames(data, size, walk)
    elif _picture(data, walk) != size:
        raise NotAnImage("is a WebP whose picture has another size than its header says")
    return *size, riff_end(data)


def _picture(data: Buffer, walk: Walk) -> Size:
    """The picture's size; alpha comes before it, and only before a lossy one."""
    size, alpha = None, False
    for kind, start, _ in walk:
        if kind == b"ALPH" and not alpha and size is None:
            alpha = True
        elif (kind == b"VP8 " and size is None) or (kind == b"VP8L" and size is None and not alpha):
            size = SIZES[kind](data, start + 8)
        elif kind == b"ALPH" or kind in PICTURES:
            raise broken()
    if size is None:
        raise broken()
    return size


def _check_frames(data: Buffer, canvas: Size, walk: Walk) -> None:
    frames, announced = 0, False
    for kind, start, end in walk:
        if kind == b"ANMF" and announced:
            _check_frame(data, start, end, canvas)
            frames += 1
        elif kind in (b"ANMF", b"ALPH", *PICTURES):
            raise broken()
        announced = announced or kind == b"ANIM"
    if not frames:
        raise broken()


def _check_frame(data: Buffer, start: int, end: int, canvas: Size) -> None:
    left, left_high, top, top_high = struct.unpack_from("<HBHB", data, start + 8)
    inside = [*islice(chunks(data, start + FRAME_HEADER, end), MAX_IN_A_FRAME)]
    if not inside or inside[-1][2] != end:
        raise NotAnImage("is a WebP with a broken frame")
    width, height = _picture(data, iter(inside))
    right, bottom = 2 * (left | left_high << 16) + width, 2 * (top | top_high << 16) + height
    if right > canvas[0] or bottom > canvas[1]:
        raise NotAnImage("is a WebP with a frame that is larger than the whole")


def _vp8_size(data: Buffer, at: int) -> Size:
    length, bits, bits_high, start, width, height = struct.unpack_from("<IHB3sHH", data, at - 4)
    is_key, profile, is_shown, partition = not bits & 1, bits >> 1 & 7, bits >> 4 & 1, (bits | bits_high << 16) >> 5
    if start != b"\x9d\x01\x2a" or not is_key or profile > 3 or not is_shown or partition >= length:
        raise NotAnImage("is a WebP with a broken frame")
    return width & 0x3FFF, height & 0x3FFF


def _vp8l_size(data: Buffer, at: int) -> Size:
    signature, bits = struct.unpack_from("<BI", data, at)
    if signature != 0x2F or bits >> 29:
        raise NotAnImage("is a WebP with a broken frame")
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1


def _vp8x_size(data: Buffer, at: int) -> Size:
    width, width_high, height, height_high = struct.unpack_from("<HBHB", data, at + 4)
    return (width | width_high << 16) + 1, (height | height_high << 16) + 1


SIZES: dict[bytes, Callable[[Buffer, int], Size]] = {
    b"VP8 ": _vp8_size,
    b"VP8L": _vp8l_size,
    b"VP8X": _vp8x_size,
}
