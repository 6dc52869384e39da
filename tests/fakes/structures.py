"""The smallest images that the structure walk accepts, and their parts; their pixels need not decode."""

import struct
import zlib


def chunk(kind: bytes, data: bytes = b"", length: int | None = None, checksum: int | None = None) -> bytes:
    end = zlib.crc32(kind + data) if checksum is None else checksum
    return struct.pack(">I4s", len(data) if length is None else length, kind) + data + struct.pack(">I", end)


def png(*chunks: bytes) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def header(width: int = 48, height: int = 32, kind: bytes = b"\x08\0\0\0\0") -> bytes:
    """`kind`: bits, colour type, and three methods."""
    return chunk(b"IHDR", struct.pack(">II", width, height) + kind)


def segment(marker: int, data: bytes = b"", length: int | None = None) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2 if length is None else length) + data


def jpeg(*segments: bytes) -> bytes:
    return b"\xff\xd8" + b"".join(segments)


def frame(width: int = 48, height: int = 32, marker: int = 0xC0, bits: int = 8, components: int = 1) -> bytes:
    return segment(marker, struct.pack(">BHHB", bits, height, width, components) + b"\1\x11\0" * components)


def gif(*blocks: bytes, flags: int = 0, width: int = 48) -> bytes:
    return b"GIF89a" + struct.pack("<HHBxx", width, 32, flags) + b"".join(blocks)


GIF_START = b"\x2c\0\0\0\0\1\0\1\0\0\x02"
GIF_IMAGE = GIF_START + b"\x01\x00" + b"\0"


def riff(*chunks: bytes, length: int | None = None) -> bytes:
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body) if length is None else length) + body


def part(kind: bytes, data: bytes = b"", length: int | None = None, *, padded: bool = True) -> bytes:
    padding = b"\0" * (len(data) % 2 if padded else 0)
    return kind + struct.pack("<I", len(data) if length is None else length) + data + padding


VP8 = b"\x10\0\0\x9d\x01\x2a" + struct.pack("<HH", 48, 32)
ALPHA = part(b"ALPH", b"\0\0")
VP8L = b"\x2f" + struct.pack("<I", 47 | 31 << 14)
VP8X = bytes(4) + b"\x2f\0\0\x1f\0\0"
NOT_SHOWN = "is a JPEG of a kind that viewers do not show (lossless, 12 bit or hierarchical); save it as PNG first"
SMALL_SCREEN = "is a GIF whose first frame is larger than the size in its header"


def moving_webp(frame: bytes) -> bytes:
    return riff(part(b"VP8X", b"\2" + VP8X[1:]), part(b"ANIM", bytes(6)), part(b"ANMF", frame))


SCAN = segment(0xDA, b"\1\1\0\0\x3f\0") + b"\x01\x02"
END = b"\xff\xd9"
