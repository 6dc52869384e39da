"""PNG, APNG too: an allow-list of chunks, each of its length and once; what decoders skip goes.

The suggested palettes (sPLT, hIST) go as well: no decoder of today uses them, and they hold free text and data.
"""

import struct
import zlib

from img402_mcp.client.scrub import exif
from img402_mcp.client.scrub.segments import NotClean, Segments
from img402_mcp.formats import Piece

_ANCILLARY = {
    b"bKGD": range(1, 7),
    b"cHRM": range(32, 33),
    b"cICP": range(4, 5),
    b"cLLI": range(8, 9),
    b"gAMA": range(4, 5),
    b"iCCP": range(1, 1 << 31),
    b"mDCV": range(24, 25),
    b"pHYs": range(9, 10),
    b"sBIT": range(1, 5),
    b"sRGB": range(1, 2),
}
"""Chunk -> its lengths. Of several, decoders go by the first."""

_ESSENTIAL = {b"IHDR": range(13, 14), b"PLTE": range(769), b"tRNS": range(257), b"acTL": range(8, 9)}
"""These change pixels: more than one, or one of another length, cannot be cut without changing them."""

_NAMES = {
    b"tEXt": "text",
    b"zTXt": "text",
    b"iTXt": "text",
    b"tIME": "time stamp",
    b"sPLT": "suggested palette",
    b"hIST": "suggested palette",
    b"caBX": "content credentials",
    b"IDAT": "data after the pixels",
    b"acTL": "frames that are never shown",
    b"fcTL": "frames that are never shown",
    b"fdAT": "frames that are never shown",
}
_XMP = b"XML:com.adobe.xmp\0"
_HIDDEN_PROFILES = ((b"Raw profile type exif\0", "EXIF"), (b"Raw profile type iptc\0", "IPTC"), (_XMP, "XMP"))


def clean(segments: Segments) -> None:
    segments.keep(0, 8)
    needed = _Needed()
    for piece in segments.pieces():
        length = piece.end - piece.start - 12
        content = piece.start + 8
        if piece.kind == b"eXIf":
            kinds, turning = exif.content_of(segments.data[content : piece.end - 4].removeprefix(b"Exif\0\0"))
            segments.swap_exif(piece, kinds, turning and _chunk(b"eXIf", turning))
        elif needed.includes(piece.kind, length, segments.data[content : content + 4]):
            segments.keep(piece.start, piece.end)
        else:
            segments.drop(_name(segments, piece))


class _Needed:
    """What was seen so far decides about the next chunk."""

    def __init__(self) -> None:
        self._seen: set[bytes] = set()
        self._frames = 0  # still to come
        self._shown = False  # whether fdAT belongs to a frame that is shown

    def includes(self, kind: bytes, length: int, begins: bytes) -> bool:
        """`begins` are the first four bytes of the chunk's content."""
        repeated = kind in self._seen
        self._seen.add(kind)
        if kind in _ESSENTIAL:
            return self._essential(kind, length, begins, repeated=repeated)
        if kind in (b"fcTL", b"fdAT"):
            return self._frame(kind, length)
        if kind in _ANCILLARY:
            return length in _ANCILLARY[kind] and not repeated
        if not kind[0] & 0x20 and kind not in (b"IDAT", b"IEND"):
            raise NotClean("is a PNG with a critical chunk that PNG does not know")
        return kind in (b"IDAT", b"IEND") and not repeated

    def _essential(self, kind: bytes, length: int, begins: bytes, *, repeated: bool) -> bool:
        if kind == b"acTL" and b"IDAT" in self._seen:  # too late to announce an animation
            return False
        if repeated or length not in _ESSENTIAL[kind]:
            raise NotClean("is a PNG with a chunk that is repeated or of the wrong length")
        if kind == b"acTL":
            (self._frames,) = struct.unpack(">I", begins)
        return True

    def _frame(self, kind: bytes, length: int) -> bool:
        if kind == b"fcTL":
            if length != 26:
                raise NotClean("is a PNG with a frame of the wrong length")
            self._shown = self._frames > 0
            self._frames -= self._shown
        return self._shown


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _name(segments: Segments, piece: Piece) -> str:
    for begins, name in _HIDDEN_PROFILES:
        if piece.kind in (b"tEXt", b"zTXt", b"iTXt") and segments.data.startswith(begins, piece.start + 8):
            return name
    return _NAMES.get(piece.kind, "unknown chunk" if piece.kind not in _ANCILLARY else "chunk that decoders skip")
