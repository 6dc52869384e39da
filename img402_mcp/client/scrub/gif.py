"""GIF: images, their controls, the loop count and a colour profile stay.

A plain text extension goes, although GIF89a would have it drawn: no browser draws it, and it is text.
"""

from img402_mcp.client.scrub.segments import Segments
from img402_mcp.formats import Piece

_CONTROL, _APPLICATION = b"!\xf9", b"!\xff"
_LOOPS = (b"\x0bNETSCAPE2.0\x03\x01", b"\x0bANIMEXTS1.0\x03\x01")
_PROFILE = b"\x0bICCRGBG1012"
_NAMES = (
    (b"!\xfe", b"", "comment"),
    (b"!\x01", b"", "text"),
    (b"!\xff", b"\x0bXMP DataXMP", "XMP"),
    (b"!\xff", b"", "application data"),
)


def clean(segments: Segments) -> None:
    for piece in segments.pieces():
        if not segments.length:
            segments.keep(0, piece.start)  # the header and the colours of all frames
        _decide(segments, piece)


def _decide(segments: Segments, piece: Piece) -> None:
    content = piece.start + 2
    if piece.kind in (b",", b";") or (piece.kind == _APPLICATION and segments.data.startswith(_PROFILE, content)):
        segments.keep(piece.start, piece.end)
    elif piece.kind == _APPLICATION and segments.data.startswith(_LOOPS, content):
        _shorten(segments, piece, 16)
    elif piece.kind == _CONTROL and segments.data[content] >= 4:
        _shorten(segments, piece, 5)
    else:
        segments.drop(_name(segments, piece))


def _shorten(segments: Segments, piece: Piece, length: int) -> None:
    """To the first `length` bytes behind the label, which are all that decoders read."""
    start = piece.start + 2
    control = piece.kind == _CONTROL
    content = b"\x04" + segments.data[start + 1 : start + 5] if control else segments.data[start : start + length]
    segments.swap(piece.start, piece.end, piece.kind + content + b"\0", "application data")


def _name(segments: Segments, piece: Piece) -> str:
    for kind, begins, name in _NAMES:
        if piece.kind == kind and segments.data.startswith(begins, piece.start + 2):
            return name
    return "unknown extension"
