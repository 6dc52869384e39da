"""JPEG: tables, frames and scans stay, and of the application segments JFIF, ICC and Adobe, cut to their length."""

import struct

from img402_mcp.client.scrub.segments import Segments
from img402_mcp.client.scrub.tables import ADOBE, ARITHMETIC, JFIF, used
from img402_mcp.formats import Piece
from img402_mcp.formats.jpeg import APPLICATIONS, HUFFMAN, RESTART_INTERVAL, TABLES, tables_in

_CODING = frozenset(range(0xC0, 0xD0)) - {HUFFMAN, ARITHMETIC} | {0xD9, 0xDA}  # frames, scans, the end
_EXIF, _ICC = b"Exif\0\0", b"ICC_PROFILE\0"

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
    needed = used(segments.data, segments.pieces())
    segments.keep(0, 2)
    previous = 2
    for piece in segments.pieces():
        if piece.start != previous:
            segments.drop("padding")
        previous = piece.end
        _decide(segments, piece, needed)


def _decide(segments: Segments, piece: Piece, needed: set[int]) -> None:
    marker, content = piece.kind[0], piece.start + 4
    if marker in _CODING or (marker == 0xE2 and segments.data.startswith(_ICC, content)):
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
    for each, begins, name in _NAMES:
        if marker == each and segments.data.startswith(begins, content):
            return name
    if marker in (ARITHMETIC, RESTART_INTERVAL):
        return "unused tables"
    return "application data" if marker in APPLICATIONS else "unknown segment"
