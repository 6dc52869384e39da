"""JPEG: tables, frames and scans stay, and of the application segments JFIF, ICC and Adobe, cut to their length."""

import struct
from itertools import takewhile

from img402_mcp.client.scrub.icc import BROKEN, SURPLUS, profile_in
from img402_mcp.client.scrub.segments import Segments
from img402_mcp.formats.base import Piece
from img402_mcp.formats.jpeg import (
    APPLICATIONS,
    HUFFMAN,
    QUANTIZATION,
    RESTART_INTERVAL,
    START_OF_FRAME,
    START_OF_SCAN,
    TABLES,
    tables_in,
)

ARITHMETIC, JFIF, ADOBE = 0xCC, 0xE0, 0xEE
_ARITHMETIC_FRAMES = (0xC9, 0xCA)
_MAX_CONDITIONS = 4 + 2 * 32  # bytes of the segment
_CODING = frozenset(range(0xC0, 0xD0)) - {HUFFMAN, ARITHMETIC} | {0xD9, 0xDA}  # frames, scans, the end
_EXIF, _ICC = b"Exif\0\0", b"ICC_PROFILE\0"
_APP2 = 0xE2
_PART = 0xFFFF - 2 - len(_ICC) - 2
"""The most bytes of a profile in one segment."""

_NAMES = (
    (0xFE, b"", "comment"),
    (0xE0, b"JFXX\0", "thumbnail"),
    (0xE1, b"http://ns.adobe.com/xap/1.0/\0", "XMP"),
    (0xE1, b"http://ns.adobe.com/xmp/extension/\0", "XMP"),
    (0xE2, b"MPF\0", "index of further pictures"),
    (0xEB, b"JP", "content credentials"),
    (0xED, b"Photoshop 3.0\0", "IPTC"),
)


def clean(segments: Segments) -> None:
    decoder = _Decoder(segments.data)
    for piece in segments.pieces():
        decoder.read(piece)
    profile = _Profile(segments)
    segments.keep(0, 2)
    previous = 2
    for piece in segments.pieces():
        if piece.start != previous:
            segments.drop("padding")
        previous = piece.end
        if _is_profile(segments.data, piece):
            profile.decide(piece)
        else:
            _decide(segments, piece, decoder.used)


def _is_profile(data: bytes, piece: Piece) -> bool:
    return piece.kind[0] == _APP2 and data.startswith(_ICC, piece.start + 4)


class _Profile:
    """Decoders read the segments before the first scan; a profile is in all of them together, or there is none."""

    def __init__(self, segments: Segments) -> None:
        self._segments = segments
        head = takewhile(lambda piece: piece.kind[0] != START_OF_SCAN, segments.pieces())
        pieces = [piece for piece in head if _is_profile(segments.data, piece)]
        data = _joined([segments.data[piece.start + 4 + len(_ICC) : piece.end] for piece in pieces])
        self._profile, self._starts = profile_in(data), [piece.start for piece in pieces]
        self._is_whole = self._profile == data

    def decide(self, piece: Piece) -> None:
        if piece.start not in self._starts:
            self._segments.drop("application data")
        elif not self._profile:
            self._segments.drop(BROKEN)
        elif self._is_whole:
            self._segments.keep(piece.start, piece.end)
        else:
            new = _profile_segments(self._profile) if piece.start == self._starts[0] else b""
            self._segments.swap(piece.start, piece.end, new, SURPLUS)


def _joined(parts: list[bytes]) -> bytes:
    """Each begins with its number, from 1, and their count. Empty if one is missing, or comes twice."""
    parts.sort()
    numbers = [[number, len(parts)] for number in range(1, len(parts) + 1)]
    return b"".join(part[2:] for part in parts) if [[*part[:2]] for part in parts] == numbers else b""


def _profile_segments(profile: bytes) -> bytes:
    cut = [profile[at : at + _PART] for at in range(0, len(profile), _PART)]
    return b"".join(
        _segment(_APP2, _ICC + bytes((number, len(cut))) + part) for number, part in enumerate(cut, start=1)
    )


def _decide(segments: Segments, piece: Piece, needed: set[int]) -> None:
    marker, content = piece.kind[0], piece.start + 4
    if marker in _CODING:
        segments.keep(piece.start, piece.end)
    elif marker in TABLES:
        _clean_tables(segments, piece, needed)
    elif piece.start in needed:
        _shorten(segments, piece)
    elif marker == 0xE1 and segments.data.startswith(_EXIF, content):
        segments.swap_exif(piece, content, lambda turning: _segment(marker, _EXIF + turning))
    else:
        segments.drop(_name(segments, marker, content))


def _clean_tables(segments: Segments, piece: Piece, needed: set[int]) -> None:
    tables = [
        segments.data[table.start : table.end]
        for table in tables_in(segments.data, piece.start, piece.end)
        if table.start in needed
    ]
    new = _segment(piece.kind[0], b"".join(tables)) if tables else b""
    segments.swap(piece.start, piece.end, new, "unused tables")


def _shorten(segments: Segments, piece: Piece) -> None:
    """Cuts the segment to the part that decoders read; the rest of JFIF is a thumbnail."""
    marker, content = piece.kind[0], piece.start + 4
    if marker == JFIF:
        new, kind = segments.data[content : content + 12] + b"\0\0", "thumbnail"
    else:
        new, kind = segments.data[content : content + 12 if marker == ADOBE else piece.end], "application data"
    segments.swap(piece.start, piece.end, _segment(marker, new), kind)


def _segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def _name(segments: Segments, marker: int, content: int) -> str:
    if marker in (ARITHMETIC, RESTART_INTERVAL):
        return "unused tables"
    otherwise = "application data" if marker in APPLICATIONS else "unknown segment"
    return segments.name(_NAMES, marker, content, otherwise)


# Which tables a decoder uses. One that is replaced before a scan uses it, or that belongs to no component, may hold
# anything: nobody reads it.


class _Decoder:
    """`used`: where they begin: tables within their segments, and whole segments, of which the last one counts."""

    def __init__(self, data: bytes) -> None:
        self.used: set[int] = set()
        self._data = data
        self._holds: dict[tuple[int, int], int] = {}  # marker and name -> where it begins
        self._quantized_by: dict[int, int] = {}  # component -> its table, until that is fetched
        self._conditions: list[int] = []

    def read(self, segment: Piece) -> None:
        marker, start = segment.kind[0], segment.start
        if marker in TABLES:
            for table in tables_in(self._data, start, segment.end):
                self._holds[marker, table.name if marker == HUFFMAN else table.name & 15] = table.start
        elif marker == RESTART_INTERVAL or (not self.used and _is_told_once(self._data, segment)):
            self._holds[marker, 0] = start
        elif marker == ARITHMETIC and segment.end - start <= _MAX_CONDITIONS:
            self._conditions.append(start)
        elif marker in START_OF_FRAME:
            components = self._data[start + 10 : segment.end]
            self._quantized_by = dict(zip(components[::3], components[2::3], strict=True))
            self.used.update(self._conditions if marker in _ARITHMETIC_FRAMES else ())
        elif marker == START_OF_SCAN:
            self._fetch(start)

    def _fetch(self, scan: int) -> None:
        described = self._data[scan + 5 : scan + 5 + 2 * self._data[scan + 4]]
        names = [(RESTART_INTERVAL, 0), (JFIF, 0), (ADOBE, 0)]
        for component, coders in zip(described[::2], described[1::2], strict=True):
            names += [(HUFFMAN, coders >> 4), (HUFFMAN, 0x10 | coders & 15)]
            if component in self._quantized_by:
                names.append((QUANTIZATION, self._quantized_by.pop(component)))
        self.used.update(self._holds[name] for name in names if name in self._holds)


def _is_told_once(data: bytes, segment: Piece) -> bool:
    """JFIF and Adobe's colour transform: decoders use the last one before the pixels."""
    length, start = segment.end - segment.start - 4, segment.start + 4
    if segment.kind[0] == JFIF:
        return length >= 14 and data.startswith(b"JFIF\0", start)
    return segment.kind[0] == ADOBE and length >= 12 and data.startswith(b"Adobe", start)
