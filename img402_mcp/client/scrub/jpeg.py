"""JPEG: tables, frames and scans stay, and of the application segments JFIF, ICC and Adobe, cut to their length."""

import struct

from img402_mcp.client.scrub import exif
from img402_mcp.client.scrub.segments import Segments
from img402_mcp.formats import Piece

_CODING = frozenset(range(0xC0, 0xD0)) - {0xC8} | {0xD9, 0xDA, 0xDB, 0xDD}  # frames, tables, scans, restarts, the end
_EXIF, _ICC, _ADOBE = b"Exif\0\0", b"ICC_PROFILE\0", b"Adobe"
_JFIF_LENGTH, _ADOBE_LENGTH = 14, 12  # of the content, without a thumbnail

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
    segments.keep(0, 2)
    previous = 2
    for piece in segments.pieces():
        if piece.start != previous:
            segments.drop("padding")
        previous = piece.end
        _decide(segments, piece)


def _decide(segments: Segments, piece: Piece) -> None:
    marker, content = piece.kind[0], piece.start + 4
    if marker in _CODING or (marker == 0xE2 and segments.data.startswith(_ICC, content)):
        segments.keep(piece.start, piece.end)
    elif marker == 0xE0 and _is_long(piece, _JFIF_LENGTH) and segments.data.startswith(b"JFIF\0", content):
        _shorten(segments, piece, segments.data[content : content + _JFIF_LENGTH - 2] + b"\0\0", "thumbnail")
    elif marker == 0xEE and _is_long(piece, _ADOBE_LENGTH) and segments.data.startswith(_ADOBE, content):
        _shorten(segments, piece, segments.data[content : content + _ADOBE_LENGTH], "application data")
    elif marker == 0xE1 and segments.data.startswith(_EXIF, content):
        kinds, turning = exif.content_of(segments.data[content + len(_EXIF) : piece.end])
        segments.swap_exif(piece, kinds, turning and _segment(marker, _EXIF + turning))
    else:
        segments.drop(_name(segments, marker, content))


def _is_long(piece: Piece, content: int) -> bool:
    return piece.end - piece.start >= 4 + content


def _shorten(segments: Segments, piece: Piece, content: bytes, kind: str) -> None:
    segments.swap(piece.start, piece.end, _segment(piece.kind[0], content), kind)


def _segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def _name(segments: Segments, marker: int, content: int) -> str:
    for each, begins, name in _NAMES:
        if marker == each and segments.data.startswith(begins, content):
            return name
    return "application data" if 0xE0 <= marker <= 0xEF else "unknown segment"
