"""WebP: wrong padding, sizes and flags, and a cut-off chunk after the pixels."""

import struct
from collections.abc import Iterator, Sequence

from img402_mcp.formats.base import MAX_PIECES, CutOff, Piece, TooManyPieces
from img402_mcp.formats.repair.rebuilt import LENGTH, MARKS, PADDING, SIZE, TAIL, Rebuilt
from img402_mcp.formats.webp import ANIMATED, FLAGS, PICTURES, SIZES, broken, made_chunk, riff_end

_METADATA = (b"EXIF", b"XMP ")
_PIXELS = (*PICTURES, b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP")
_KNOWN = (*_PIXELS, *_METADATA)


def repair(new: Rebuilt) -> None:
    chunks = [*_chunks(new)]
    if not chunks:
        raise broken()
    _check_complete(new, chunks)
    contents = [bytes(new.data[chunk.start + 8 : chunk.end]) for chunk in chunks]
    if chunks[0].kind == b"VP8X":
        contents[0] = _header(new, chunks, contents[0])
    written = b"".join(made_chunk(chunk.kind, content) for chunk, content in zip(chunks, contents, strict=True))
    if riff_end(new.data) != 12 + len(written) and PADDING not in new.said:
        new.say(LENGTH)
    new.write(struct.pack("<4sI4s", b"RIFF", 4 + len(written), b"WEBP") + written)


def _chunks(new: Rebuilt) -> Iterator[Piece]:
    """Whole ones, without their padding. A length in the header that leads between two chunks is believed."""
    data, position, announced = new.data, 12, riff_end(new.data)
    for _ in range(MAX_PIECES):
        new.behind = min(position, len(data))
        if position in (announced, announced + 1) or len(data) <= position:
            return
        if len(data) - position < 8:
            _pass_over(new, bytes(data[position : position + 4]))
            return
        kind, length = struct.unpack_from("<4sI", data, position)
        chunk = Piece(kind, position, position + 8 + length)
        if not all(0x20 <= letter <= 0x7E for letter in kind):
            return
        if chunk.end > len(data):
            _pass_over(new, kind)
            return
        yield chunk
        position = chunk.end + (length & 1)
        if length & 1 and (chunk.end == len(data) or data[chunk.end : chunk.end + 4] in _KNOWN):
            new.say(PADDING)
            position = chunk.end
    raise TooManyPieces("WebP")


def _pass_over(new: Rebuilt, kind: bytes) -> None:
    """Skips the rest of a cut-off chunk, or bytes that are not a chunk."""
    if kind.startswith(_PIXELS) or any(each.startswith(kind) for each in _PIXELS):
        raise CutOff("WebP")
    if kind.isalnum() or kind.strip().isalnum():
        new.say(TAIL)
        new.behind = len(new.data)


def _check_complete(new: Rebuilt, chunks: Sequence[Piece]) -> None:
    """A still picture is there or missing. A cut-off animation may have lost frames, so it is refused."""
    kinds = {chunk.kind for chunk in chunks}
    is_short = riff_end(new.data) > len(new.data) + 1 and TAIL not in new.said
    if not kinds & {*PICTURES} and (is_short and chunks[-1].kind not in _METADATA):
        raise CutOff("WebP")


def _header(new: Rebuilt, chunks: Sequence[Piece], content: bytes) -> bytes:
    """Animated if there are frames and no picture, else as large as its one picture: libwebp opens nothing else."""
    pictures = [SIZES[chunk.kind](new.data, chunk.start + 8) for chunk in chunks if chunk.kind in PICTURES]
    flags, size, rest = content[0] & FLAGS, content[4:10], content[10:]
    if len(pictures) == 1:
        flags &= ~ANIMATED
        size = b"".join((side - 1).to_bytes(3, "little") for side in pictures[0])
    elif not pictures:
        flags |= ANIMATED
    if flags != content[0]:
        new.say(MARKS)
    if size != content[4:10]:
        new.say(SIZE)
    return bytes((flags,)) + content[1:4] + size + rest
