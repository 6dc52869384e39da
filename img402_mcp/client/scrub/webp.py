"""WebP: the pixels, their profile and animation stay; the header tells the truth about the rest.

Source: RFC 9649. Decoders skip frames where no animation is announced and pictures where one is, so those go.
"""

import struct
from collections.abc import Iterator

from img402_mcp.client.scrub import exif
from img402_mcp.client.scrub.segments import NotClean, Segments
from img402_mcp.formats import Piece

_ANIMATED, _XMP, _EXIF = 0x02, 0x04, 0x08
_LENGTHS = {b"VP8X": 10, b"ANIM": 6}
_PIXELS = (b"VP8 ", b"VP8L", b"ALPH")
_NAMES = {b"EXIF": "EXIF", b"XMP ": "XMP", b"C2PA": "content credentials"}
_FRAME_HEADER = 24  # the chunk's own, then place, size, duration and flags


def clean(segments: Segments) -> None:
    flags = segments.data[20] if segments.data[12:16] == b"VP8X" else None
    kinds = _kinds_to_keep(flags)
    segments.keep(0, 12)
    for piece in segments.pieces():
        if piece.kind not in kinds:
            _without(segments, piece, extended=flags is not None)
            continue
        if piece.kind != b"ANMF":
            kinds.remove(piece.kind)
        if piece.kind in (b"VP8 ", b"VP8L"):  # a second picture is skipped
            kinds.difference_update(_PIXELS)
        _with(segments, piece)
    if segments.removed:
        _note_removed(segments, flags)


def _note_removed(segments: Segments, flags: int | None) -> None:
    """The header's length, and its flags for EXIF and XMP."""
    segments.overwrite(4, struct.pack("<I", segments.length - 8))
    if flags is not None:
        segments.overwrite(20, bytes((flags & ~(_XMP | _EXIF) | (_EXIF if segments.turned else 0),)))


def _kinds_to_keep(flags: int | None) -> set[bytes]:
    if flags is None:
        return {b"VP8 ", b"VP8L"}
    if flags & _ANIMATED:
        return {b"VP8X", b"ICCP", b"ANIM", b"ANMF"}
    return {b"VP8X", b"ICCP", *_PIXELS}


def _content(segments: Segments, piece: Piece) -> bytes:
    (length,) = struct.unpack_from("<I", segments.data, piece.start + 4)
    return segments.data[piece.start + 8 : piece.start + 8 + length]


def _without(segments: Segments, piece: Piece, *, extended: bool) -> None:
    if piece.kind == b"EXIF":
        kinds, turning = exif.content_of(_content(segments, piece).removeprefix(b"Exif\0\0"))
        segments.swap_exif(piece, kinds, _chunk(b"EXIF", turning) if extended and turning else b"")
    else:
        unused = piece.kind in (*_PIXELS, b"ANMF", b"ANIM", b"ICCP", b"VP8X")
        segments.drop("chunk that decoders skip" if unused else _NAMES.get(piece.kind, "unknown chunk"))


def _with(segments: Segments, piece: Piece) -> None:
    if piece.kind in _LENGTHS and len(_content(segments, piece)) != _LENGTHS[piece.kind]:
        raise NotClean("is a WebP with a header of the wrong length")
    if piece.kind == b"ANMF":
        _clean_frame(segments, piece)
    else:
        segments.keep(piece.start, piece.end)


def _clean_frame(segments: Segments, frame: Piece) -> None:
    at, drawn = segments.length, False
    segments.keep(frame.start, frame.start + _FRAME_HEADER)
    for kind, start, end in _chunks_in(segments, frame):
        if drawn or kind not in _PIXELS:
            segments.drop("chunk that decoders skip" if kind in _PIXELS else "unknown chunk")
        else:
            segments.keep(start, end)
        drawn = drawn or kind in (b"VP8 ", b"VP8L")
    if segments.length - at != frame.end - frame.start:
        segments.overwrite(at + 4, struct.pack("<I", segments.length - at - 8))


def _chunks_in(segments: Segments, frame: Piece) -> Iterator[Piece]:
    position = frame.start + _FRAME_HEADER
    while position < frame.end:
        start = position
        kind, length = struct.unpack_from("<4sI", segments.data, start)
        position += 8 + length + (length & 1)
        if position <= frame.end:
            yield Piece(kind, start, position)
    if position != frame.end:
        raise NotClean("is a WebP with a broken frame")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack("<4sI", kind, len(content)) + content + b"\0" * (len(content) & 1)
