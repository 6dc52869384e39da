"""PNG and APNG: an allow-list of chunks, each with the right length and only once. All that decoders skip is removed.

The suggested palettes (sPLT, hIST) are removed too: no current decoder uses them, and they can hold free text and data.
"""

import struct
import zlib

from img402_mcp.client.scrub.icc import BROKEN, SURPLUS, profile_in, unpacked
from img402_mcp.client.scrub.segments import NotClean, Segments
from img402_mcp.formats.base import Piece
from img402_mcp.formats.png import INDEXED, made_chunk

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
"""Chunk -> its lengths. Decoders use the first of several."""

_TRANSPARENT = {0: range(2, 3), 2: range(6, 7)}
"""Colour type -> lengths of tRNS; with a palette, a byte for each of its colours or fewer."""

_CRITICAL = (b"IHDR", b"IDAT", b"IEND")

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
    needed, colours = _Needed(), _Colours(segments)
    for piece in segments.pieces():
        length = piece.end - piece.start - 12
        content = piece.start + 8
        if piece.kind == b"eXIf":
            segments.swap_exif(piece, content, lambda turning: made_chunk(b"eXIf", turning))
        elif piece.kind in (b"PLTE", b"tRNS"):
            colours.decide(piece, length)
        elif needed.includes(piece.kind, length, segments.data[content : content + 4]):
            _keep(segments, piece)
            colours.are_over = colours.are_over or piece.kind == b"IDAT"
        else:
            segments.drop(_name(segments, piece))


def _keep(segments: Segments, piece: Piece) -> None:
    if piece.kind == b"iCCP":
        content = _profile(segments.data[piece.start + 8 : piece.end - 4])
        segments.swap(piece.start, piece.end, content and made_chunk(b"iCCP", content), SURPLUS if content else BROKEN)
    else:
        segments.keep(piece.start, piece.end)


def _profile(content: bytes) -> bytes:
    """Its name, a zero, the method 0, and the packed profile, with nothing after each; empty: there is no profile."""
    name, _, rest = content.partition(b"\0")
    data, read = unpacked(rest[1:])
    profile = profile_in(data)
    if not profile or not 1 <= len(name) < 80 or rest[:1] != b"\0":
        return b""
    packed = rest[1 : 1 + read] if profile == data else zlib.compress(profile, 9)
    return name + b"\0\0" + packed


class _Colours:
    """Palette and transparency: only if the pixels use them, before the pixels, once and of the right length."""

    def __init__(self, segments: Segments) -> None:
        self.are_over = False
        self._segments, self._bits, self._type = segments, segments.data[24], segments.data[25]
        self._lengths = _TRANSPARENT.get(self._type, range(0))
        self._seen: set[bytes] = set()

    def decide(self, piece: Piece, length: int) -> None:
        is_palette = piece.kind == b"PLTE"
        if self._type != INDEXED and (is_palette or not self._lengths):
            self._segments.drop("suggested palette" if is_palette else "chunk that decoders skip")
            return
        if piece.kind in self._seen or self.are_over:  # browsers skip what comes after the pixels, others do not
            raise _wrong()
        self._seen.add(piece.kind)
        if is_palette:
            self._keep_palette(piece, length)
        elif length in self._lengths:
            self._segments.keep(piece.start, piece.end)
        else:
            raise _wrong()

    def _keep_palette(self, piece: Piece, length: int) -> None:
        """At most as many colours as the bit depth can address."""
        if length % 3 or not 3 <= length <= 768:
            raise _wrong()
        count = min(length // 3, 1 << self._bits)
        self._lengths = range(1, count + 1)
        content = self._segments.data[piece.start + 8 : piece.start + 8 + 3 * count]
        self._segments.swap(piece.start, piece.end, made_chunk(b"PLTE", content), "unused colours")


def _wrong() -> NotClean:
    return NotClean("is a PNG with a chunk that is repeated, out of place or of the wrong length")


class _Needed:
    """Decides about the next chunk by the chunks before it."""

    def __init__(self) -> None:
        self._seen: set[bytes] = set()
        self._frames = 0  # still to come
        self._shown = False  # whether fdAT belongs to a frame that is shown

    def includes(self, kind: bytes, length: int, begins: bytes) -> bool:
        """`begins` are the first four bytes of the chunk's content."""
        repeated = kind in self._seen
        self._seen.add(kind)
        if kind == b"IHDR" and repeated:
            raise _wrong()
        if kind == b"acTL":
            return self._animation(length, begins, repeated=repeated)
        if kind in (b"fcTL", b"fdAT"):
            return self._frame(kind, length)
        if kind in _ANCILLARY:
            return length in _ANCILLARY[kind] and not repeated
        if not kind[0] & 0x20 and kind not in _CRITICAL:
            raise NotClean("is a PNG with a critical chunk that PNG does not know")
        return kind in _CRITICAL and not repeated

    def _animation(self, length: int, begins: bytes, *, repeated: bool) -> bool:
        if b"IDAT" in self._seen:  # too late to announce it
            return False
        if repeated or length != 8:
            raise _wrong()
        (self._frames,) = struct.unpack(">I", begins)
        return True

    def _frame(self, kind: bytes, length: int) -> bool:
        if kind == b"fcTL":
            if length != 26:
                raise NotClean("is a PNG with a frame of the wrong length")
            self._shown = self._frames > 0
            self._frames -= self._shown
        return self._shown


def _name(segments: Segments, piece: Piece) -> str:
    for begins, name in _HIDDEN_PROFILES:
        if piece.kind in (b"tEXt", b"zTXt", b"iTXt") and segments.data.startswith(begins, piece.start + 8):
            return name
    return _NAMES.get(piece.kind, "unknown chunk" if piece.kind not in _ANCILLARY else "chunk that decoders skip")
