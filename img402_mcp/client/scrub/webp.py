"""WebP: the pixels, their profile and animation stay; the header is corrected to match.

Source: RFC 9649. Decoders skip frames if no animation is announced, and pictures if one is, so those are removed.
"""

import struct

from img402_mcp.client.scrub.icc import BROKEN, SURPLUS, profile_in
from img402_mcp.client.scrub.segments import NotClean, Segments
from img402_mcp.formats.base import Piece
from img402_mcp.formats.webp import ANIMATED, FRAME_HEADER, PICTURES, chunks, made_chunk

_XMP, _EXIF, _ICC = 0x04, 0x08, 0x20
_LENGTHS = {b"VP8X": 10, b"ANIM": 6}
_PIXELS = (*PICTURES, b"ALPH")
_NAMES = {b"EXIF": "EXIF", b"XMP ": "XMP", b"C2PA": "content credentials"}


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
        if piece.kind in PICTURES:  # in a file without a header, chunks after it are skipped
            kinds.difference_update(_PIXELS)
        _with(segments, piece)
    if segments.removed:
        segments.overwrite(4, struct.pack("<I", segments.length - 8))
    if segments.removed and flags is not None:
        gone = _XMP | _EXIF | (_ICC if BROKEN in segments.removed else 0)
        segments.overwrite(20, bytes((flags & ~gone | (_EXIF if segments.turned else 0),)))


def _kinds_to_keep(flags: int | None) -> set[bytes]:
    if flags is None:
        return {b"VP8 ", b"VP8L"}
    if flags & ANIMATED:
        return {b"VP8X", b"ICCP", b"ANIM", b"ANMF"}
    return {b"VP8X", b"ICCP", *_PIXELS}


def _without(segments: Segments, piece: Piece, *, extended: bool) -> None:
    if piece.kind == b"EXIF":
        segments.swap_exif(piece, piece.start + 8, lambda turning: made_chunk(b"EXIF", turning) if extended else b"")
    else:
        unused = piece.kind in (*_PIXELS, b"ANMF", b"ANIM", b"ICCP", b"VP8X")
        segments.drop("chunk that decoders skip" if unused else _NAMES.get(piece.kind, "unknown chunk"))


def _with(segments: Segments, piece: Piece) -> None:
    (length,) = struct.unpack_from("<I", segments.data, piece.start + 4)
    if _LENGTHS.get(piece.kind, length) != length:
        raise NotClean("is a WebP with a header of the wrong length")
    if piece.kind == b"ANMF":
        _clean_frame(segments, piece)
    elif piece.kind == b"ICCP":
        profile = profile_in(segments.data[piece.start + 8 : piece.start + 8 + length])
        new = made_chunk(b"ICCP", profile) if profile else b""
        segments.swap(piece.start, piece.end, new, SURPLUS if profile else BROKEN)
    else:
        segments.keep(piece.start, piece.end)


def _clean_frame(segments: Segments, frame: Piece) -> None:
    at = segments.length
    segments.keep(frame.start, frame.start + FRAME_HEADER)
    for kind, start, end in chunks(segments.data, frame.start + FRAME_HEADER, frame.end):
        if kind in _PIXELS:
            segments.keep(start, end)
        else:
            segments.drop("unknown chunk")
    if segments.length - at != frame.end - frame.start:
        segments.overwrite(at + 4, struct.pack("<I", segments.length - at - 8))
