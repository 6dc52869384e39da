"""PNG, JPEG, GIF and WebP from their bytes alone: what it is, how large the picture is, and where it ends.

Nothing is decoded. The structure is walked (chunks, segments, blocks) with every length checked against the
buffer, so that a hostile file costs no more than its own size. Sources: PNG 3rd edition, ITU-T T.81 annex B,
GIF89a, RFC 9649 (WebP).
"""

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from mmap import mmap

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
    """What the header says: pixels, and `end`, the offset just behind the image's last byte."""

    format: Format
    width: int
    height: int
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


def examine(data: Buffer) -> Picture:
    """Walk one whole image. Raises NotAnImage; bytes behind `end` are the caller's to judge."""
    head = bytes(data[:64])
    found = sniff(head)
    if found is None:
        raise NotAnImage(_what_it_is(head))
    try:
        width, height, end = _WALKS[found](data)
    except (struct.error, IndexError):
        raise NotAnImage(f"is a {found.name} that is cut off, or still being written") from None
    if not width or not height:
        raise NotAnImage(f"is a {found.name} of {width}x{height} pixels")
    return Picture(found, width, height, end)


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


_Walked = tuple[int, int, int]  # width, height, end


def _walk_png(data: Buffer) -> _Walked:
    length, kind, width, height = struct.unpack_from(">I4sII", data, 8)
    if kind != b"IHDR" or length != 13:
        raise NotAnImage("is a PNG whose first chunk is not its header")
    position, pixels = 33, False
    while True:
        length, kind = struct.unpack_from(">I4s", data, position)
        if not kind.isalpha() or (kind == b"IEND" and length):
            raise NotAnImage("is a PNG with a broken chunk")
        position += 12 + length
        _reach(data, position)
        pixels = pixels or kind == b"IDAT"
        if kind == b"IEND":
            break
    if not pixels:
        raise NotAnImage("is a PNG without pixels")
    return width, height, position


START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_STANDALONE = frozenset(range(0xD0, 0xD8)) | {0x01}
_START_OF_IMAGE, _END_OF_IMAGE, _START_OF_SCAN = 0xD8, 0xD9, 0xDA
# Inside a scan FF00 is data, FFD0..FFD7 are restart marks and FF may be repeated as fill; all else ends the scan.
_AFTER_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)


def _walk_jpeg(data: Buffer) -> _Walked:
    position, width, height, pixels = 2, 0, 0, False
    while True:
        if data[position] != 0xFF:
            raise NotAnImage("is a JPEG with a broken segment")
        while (marker := data[position]) == 0xFF:
            position += 1
        position += 1
        if marker == _END_OF_IMAGE:
            break
        if marker in _STANDALONE:
            continue
        (length,) = struct.unpack_from(">H", data, position)
        if length < 2 or marker < 0xC0 or marker == _START_OF_IMAGE:
            raise NotAnImage("is a JPEG with a broken segment")
        if marker in START_OF_FRAME and not width:
            height, width = struct.unpack_from(">HH", data, position + 3)
        position += length
        _reach(data, position)
        if marker == _START_OF_SCAN:
            pixels = True
            found = _AFTER_SCAN.search(data, position)
            position = found.start() if found else _reach(data, len(data) + 1)
    if not pixels:
        raise NotAnImage("is a JPEG without pixels")
    return width, height, position


def _walk_gif(data: Buffer) -> _Walked:
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    position, pixels = 13 + _colour_table(flags), False
    while (block := data[position]) != 0x3B:
        if block == 0x2C:  # an image: descriptor, colour table, code size, sub-blocks
            position += 10 + _colour_table(data[position + 9]) + 1
            pixels = True
        elif block == 0x21:  # an extension: label, sub-blocks
            position += 2
        else:
            raise NotAnImage("is a GIF with a broken block")
        while size := data[position]:
            position += size + 1
        position += 1
    if not pixels:
        raise NotAnImage("is a GIF without pixels")
    return width, height, position + 1


def _colour_table(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _walk_webp(data: Buffer) -> _Walked:
    (length,) = struct.unpack_from("<I", data, 4)
    end = 8 + length + (length & 1)
    _reach(data, end)
    size: tuple[int, int] | None = None
    position, pixels = 12, False
    while position < end:
        kind, length = struct.unpack_from("<4sI", data, position)
        if kind in WEBP_SIZES and size is None:
            size = WEBP_SIZES[kind](data, position + 8)
        pixels = pixels or kind in (b"VP8 ", b"VP8L", b"ANMF")
        position += 8 + length + (length & 1)
    if position != end or not pixels or size is None:
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
_WALKS: dict[Format, Callable[[Buffer], _Walked]] = {
    PNG: _walk_png,
    JPEG: _walk_jpeg,
    GIF: _walk_gif,
    WEBP: _walk_webp,
}


def _reach(data: Buffer, position: int) -> int:
    if position > len(data):
        raise IndexError(position)
    return position
