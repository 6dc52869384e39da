import struct
import zlib


def chunk(kind: bytes, body: bytes) -> bytes:
    """Of a PNG."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, *, padding: int = 0, size: int = 0) -> bytes:
    """A picture of one colour, whose compressed pixels hold about `padding` bytes of empty blocks.

    A text chunk makes it exactly `size` bytes, where that is more than it needs.
    """
    lines = zlib.compress((b"\0" + bytes(width)) * height)
    empty = b"\x00\x00\x00\xff\xff"  # a stored block with no bytes (RFC 1951, 3.2.4)
    packed = lines[:2] + empty * (padding // len(empty)) + lines[2:]
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = chunk(b"IHDR", header) + chunk(b"IDAT", packed)
    missing = size - 8 - len(pixels) - 12
    text = chunk(b"tEXt", b"Comment\0".ljust(missing - 12, b"x")) if missing >= 12 else b""
    return b"\x89PNG\r\n\x1a\n" + pixels[:25] + text + pixels[25:] + chunk(b"IEND", b"")
