"""Colour profiles. What only calls itself one may hold anything, and so may the bytes that follow one.

Source: ICC.1:2022, 7.2: a profile begins with its own size, and has `acsp` at byte 36. Decoders ignore one that is
not like that, so colours stay as they are without it; they skip what follows its size. The texts inside a profile
stay: its name, its copyright.
"""

import zlib

BROKEN, SURPLUS = "broken colour profile", "data after the colour profile"
_HEADER = 128
_MAX_BYTES = 8_000_000
"""Of a packed profile; libpng unpacks no more."""


def profile_in(data: bytes) -> bytes:
    """The profile at the beginning of `data`, without what follows; empty: there is none."""
    size = int.from_bytes(data[:4], "big")
    return data[:size] if _HEADER <= size <= len(data) and data[36:40] == b"acsp" else b""


def unpacked(packed: bytes) -> tuple[bytes, int]:
    """What zlib unpacks, and the bytes that it read; nothing and 0 if that is cut off, damaged or too much."""
    unpacking = zlib.decompressobj()
    try:
        data = unpacking.decompress(packed, _MAX_BYTES)
    except zlib.error:
        return b"", 0
    return (data, len(packed) - len(unpacking.unused_data)) if unpacking.eof else (b"", 0)
