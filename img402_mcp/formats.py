"""PNG, JPEG, GIF and WebP from their bytes alone: what it is, how large the picture is, and where it ends.

Nothing is decoded. The structure is walked (chunks, segments, blocks) with every length checked against the
buffer, so that a hostile file costs no more than its own size. Sources: PNG 3rd edition, ITU-T T.81 annex B,
GIF89a, RFC 9649 (WebP).
"""

import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
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


@dataclass(frozen=True)
class Picture:
    """What the header says: pixels, and `end`, the offset just behind the image's last byte.

    `runs` are the long pieces of coded pixels, start -> end, over which a second walk can leap.
    """

    format: Format
    width: int
    height: int
    end: int
    runs: "Runs" = field(default_factory=dict, compare=False, repr=False)


Runs = dict[int, int]
SHORTEST_RUN = 4096  # of hostile bytes, one entry stands for many


class Piece(NamedTuple):
    """A PNG or WebP chunk, a JPEG segment or a GIF block, from its first byte to just behind its last.

    `kind` is the chunk's name, the marker's second byte, or `,` `;` `!` and the extension's label. Neighbouring IDAT
    chunks are one piece, and so are a scan's header and its data.
    """

    kind: bytes
    start: int
    end: int


class NotAnImage(ValueError):
    """The bytes are no whole PNG, JPEG, GIF or WebP. `str()` is a clause that goes on from "it": "it is a PDF"."""


def sniff(head: bytes) -> Format | None:
    """The format that the magic bytes tell (the first MAGIC_LENGTH are enough), or None."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return PNG
    if head.startswith(b"\xff\xd8\xff"):
        return JPEG
    if head.startswith((b"GIF87a", b"GIF89a")):
        return GIF
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return WEBP
    return None


def examine(data: Buffer, runs: Runs | None = None) -> Picture:
    """Walk one whole image. Raises NotAnImage; bytes behind `end` are the caller's to judge.

    `runs` of an earlier walk over the same coded pixels are trusted.
    """
    head = bytes(data[:64])
    found = sniff(head)
    if found is None:
        raise NotAnImage(_what_it_is(head))
    known = dict(runs or {})
    try:
        width, height, end = _MEASURES[found](data, pieces(data, found, known))
    except (struct.error, IndexError):
        raise NotAnImage(f"is a {found.name} that is cut off, or still being written") from None
    if not width or not height:
        raise NotAnImage(f"is a {found.name} of {width}x{height} pixels")
    return Picture(found, width, height, end, known)


def pieces(data: Buffer, found: Format, runs: Runs) -> Iterator[Piece]:
    """The image piece by piece, to its end. Raises NotAnImage, struct.error or IndexError where it breaks off.

    Leaps over `runs`, and adds those that it finds.
    """
    return _PIECES[found](data, runs)


# What people send most in place of an image, so that the refusal can name it. Never a byte of the content.
# Compiled when they are needed: most sessions refuse nothing.
_LOOKALIKES = (
    (rb"%PDF", "is a PDF"),
    (rb"PK\x03\x04", "is a zip archive (or an Office document)"),
    (rb"....ftyp(?:heic|heix|mif1|hevc)", "is a HEIC photo; save it as JPEG or PNG first"),
    (rb"....ftypavi[fs]", "is an AVIF image; save it as WebP or PNG first"),
    (rb"....ftyp", "is a video"),
    (rb"\x1aE\xdf\xa3", "is a video"),
    (rb"BM....\0\0\0\0", "is a BMP image; save it as PNG first"),
    (rb"II\*\0|MM\0\*", "is a TIFF image; save it as PNG first"),
    (rb"(?:\xef\xbb\xbf)?\s*<(?:\?xml[^>]*>\s*<)?svg", "is an SVG; render it to PNG first"),
    (rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype )?html", "is an HTML page"),
)


def _what_it_is(head: bytes) -> str:
    if not head:
        return "is empty"
    for pattern, clause in _LOOKALIKES:
        if re.match(pattern, head, re.DOTALL | re.IGNORECASE):
            return clause
    return "does not begin like a PNG, JPEG, GIF or WebP"


_Measured = tuple[int, int, int]  # width, height, end


def _noted(runs: Runs, start: int, end: int) -> int:
    if end - start >= SHORTEST_RUN:
        runs[start] = end
    return end


def _png_pieces(data: Buffer, runs: Runs) -> Iterator[Piece]:
    position, kind = 8, b""
    while kind != b"IEND":
        start = position
        kind, position = _png_chunk(data, start)
        if kind == b"IDAT":
            position = runs.get(start) or _noted(runs, start, _png_pixels(data, position))
        yield Piece(kind, start, position)


def _png_chunk(data: Buffer, start: int) -> tuple[bytes, int]:
    length, kind = struct.unpack_from(">I4s", data, start)
    if not kind.isalpha() or (kind == b"IEND" and length):
        raise NotAnImage("is a PNG with a broken chunk")
    return kind, _reach(data, start + 12 + length)


def _png_pixels(data: Buffer, position: int) -> int:
    while data[position + 4 : position + 8] == b"IDAT":
        _, position = _png_chunk(data, position)
    return position


def _measure_png(data: Buffer, chunks: Iterator[Piece]) -> _Measured:
    length, kind, width, height = struct.unpack_from(">I4sII", data, 8)
    if kind != b"IHDR" or length != 13:
        raise NotAnImage("is a PNG whose first chunk is not its header")
    pixels = end = 0
    for each, _, end in chunks:  # noqa: B007  the last one's is the image's
        pixels |= each == b"IDAT"
    if not pixels:
        raise NotAnImage("is a PNG without pixels")
    return width, height, end


START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_STANDALONE = frozenset(range(0xD0, 0xD8)) | {0x01, 0xD9}
_START_OF_IMAGE, _END_OF_IMAGE, _START_OF_SCAN = 0xD8, 0xD9, 0xDA
_FILL = re.compile(rb"\xff+")
# Inside a scan FF00 is data, FFD0..FFD7 are restart marks and FF may be repeated as fill; all else ends the scan.
_AFTER_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)


def _jpeg_pieces(data: Buffer, runs: Runs) -> Iterator[Piece]:
    position, marker = 2, 0
    while marker != _END_OF_IMAGE:
        fill = _FILL.match(data, position)
        if not fill and position < len(data):
            raise NotAnImage("is a JPEG with a broken segment")
        start = fill.end() - 1 if fill else position
        marker = data[start + 1]
        position = runs.get(start) or _noted(runs, start, _jpeg_end(data, start, marker))
        yield Piece(bytes((marker,)), start, position)


def _jpeg_end(data: Buffer, start: int, marker: int) -> int:
    if marker in _STANDALONE:
        return start + 2
    (length,) = struct.unpack_from(">H", data, start + 2)
    if length < 2 or marker < 0xC0 or marker == _START_OF_IMAGE:
        raise NotAnImage("is a JPEG with a broken segment")
    end = _reach(data, start + 2 + length)
    if marker != _START_OF_SCAN:
        return end
    found = _AFTER_SCAN.search(data, end)
    return found.start() if found else _reach(data, len(data) + 1)


def _measure_jpeg(data: Buffer, segments: Iterator[Piece]) -> _Measured:
    width = height = pixels = end = 0
    for kind, start, end in segments:  # noqa: B007  the last one's is the image's
        if kind[0] in START_OF_FRAME and not width:
            height, width = struct.unpack_from(">HH", data, start + 5)
        pixels |= kind[0] == _START_OF_SCAN
    if not pixels:
        raise NotAnImage("is a JPEG without pixels")
    return width, height, end


def _gif_pieces(data: Buffer, runs: Runs) -> Iterator[Piece]:
    position, block = 13 + _colour_table(data[10]), 0
    while block != 0x3B:
        start, block = position, data[position]
        if block == 0x2C:  # an image: descriptor, colour table, code size, sub-blocks
            inner = start + 10 + _colour_table(data[start + 9]) + 1
            position = runs.get(start) or _noted(runs, start, _after_blocks(data, inner))
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


def _measure_gif(data: Buffer, blocks: Iterator[Piece]) -> _Measured:
    width, height = struct.unpack_from("<HH", data, 6)
    pixels = end = 0
    for kind, _, end in blocks:  # noqa: B007  the last one's is the image's
        pixels |= kind == b","
    if not pixels:
        raise NotAnImage("is a GIF without pixels")
    return width, height, end


def _colour_table(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _webp_pieces(data: Buffer, _runs: Runs) -> Iterator[Piece]:
    (length,) = struct.unpack_from("<I", data, 4)
    end = _reach(data, 8 + length + (length & 1))
    position = 12
    while position < end:
        start = position
        kind, length = struct.unpack_from("<4sI", data, start)
        position += 8 + length + (length & 1)
        yield Piece(kind, start, position)
    if position != end:
        raise NotAnImage("is a WebP with broken chunks")


def _measure_webp(data: Buffer, chunks: Iterator[Piece]) -> _Measured:
    size: tuple[int, int] | None = None
    pixels = end = 0
    for kind, start, end in chunks:  # noqa: B007  the last one's is the image's
        if kind in WEBP_SIZES and size is None:
            size = WEBP_SIZES[kind](data, start + 8)
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


WEBP_SIZES: dict[bytes, Callable[[Buffer, int], tuple[int, int]]] = {
    b"VP8 ": _vp8_size,
    b"VP8L": _vp8l_size,
    b"VP8X": _vp8x_size,
}
_PIECES: dict[Format, Callable[[Buffer, Runs], Iterator[Piece]]] = {
    PNG: _png_pieces,
    JPEG: _jpeg_pieces,
    GIF: _gif_pieces,
    WEBP: _webp_pieces,
}
_MEASURES: dict[Format, Callable[[Buffer, Iterator[Piece]], _Measured]] = {
    PNG: _measure_png,
    JPEG: _measure_jpeg,
    GIF: _measure_gif,
    WEBP: _measure_webp,
}


def _reach(data: Buffer, position: int) -> int:
    if position > len(data):
        raise IndexError(position)
    return position
