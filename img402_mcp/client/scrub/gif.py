"""GIF: images, their controls, the loop count and a colour profile stay.

A plain text extension goes, although GIF89a would have it drawn: no browser draws it, and it is text.
"""

from collections.abc import Iterator

from img402_mcp.client.scrub.icc import BROKEN, SURPLUS, profile_in
from img402_mcp.client.scrub.segments import Segments
from img402_mcp.formats.base import Piece

_APPLICATION = b"!\xff"
_KEPT = (b",", b";", b"!\xf9")  # frames, the end, and controls, which have just their length
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
    if piece.kind in _KEPT:
        segments.keep(piece.start, piece.end)
    elif piece.kind == _APPLICATION and segments.data.startswith(_PROFILE, content):
        _keep_profile(segments, piece)
    elif piece.kind == _APPLICATION and segments.data.startswith(_LOOPS, content):
        # The sixteen bytes that decoders read.
        segments.swap(
            piece.start, piece.end, _APPLICATION + segments.data[content : content + 16] + b"\0", "application data"
        )
    else:
        segments.drop(segments.name(_NAMES, piece.kind, content, "unknown extension"))


def _keep_profile(segments: Segments, piece: Piece) -> None:
    content = segments.data[piece.start + 2 + len(_PROFILE) : piece.end]
    data = b"".join(_blocks(content))
    profile = profile_in(data)
    if profile and profile == data:
        segments.keep(piece.start, piece.end)
        return
    cut = (profile[at : at + 255] for at in range(0, len(profile), 255))
    new = _APPLICATION + _PROFILE + b"".join(bytes((len(each),)) + each for each in cut) + b"\0"
    segments.swap(piece.start, piece.end, new if profile else b"", SURPLUS if profile else BROKEN)


def _blocks(content: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(content) and content[at]:
        yield content[at + 1 : at + 1 + content[at]]
        at += 1 + content[at]
