"""PNG: its end mark, damaged chunks that viewers skip, and what follows the pixels without being a chunk."""

import struct
import zlib
from collections.abc import Iterable, Sequence

from img402_mcp.formats.base import MAX_PIECES, Buffer, CutOff, NotAnImage, Piece, TooManyPieces
from img402_mcp.formats.png import AROUND, SIGNATURE_LENGTH, header, is_sound, made_chunk
from img402_mcp.formats.repair.rebuilt import BLANKS, DAMAGED, END_MARK, TAIL, Rebuilt

MAX_UNPACKED_BYTES = 400_000_000
"""Bytes of pixels that are counted: about a second."""

_END = made_chunk(b"IEND")
_STEP = 1 << 18
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of a pixel, by colour type
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Of each pass: the first column and row, and the steps between them."""


def repair(new: Rebuilt) -> None:
    header(new.data)
    new.keep(0, SIGNATURE_LENGTH)
    chunks, cut = _chunks(new.data)
    pixels = False
    for chunk in chunks:
        pixels = pixels or chunk.kind == b"IDAT"
        _keep(new, chunk, pixels=pixels)
    if not chunks:
        raise CutOff("PNG")
    new.behind = chunks[-1].end
    if chunks[-1].kind != b"IEND":
        _close(new, chunks, cut)
        new.write(_END)


def _chunks(data: Buffer) -> tuple[list[Piece], Piece | None]:
    """All that are whole, and the one that reaches beyond the file."""
    chunks, position = list[Piece](), SIGNATURE_LENGTH
    while len(data) - position >= 8:
        length, kind = struct.unpack_from(">I4s", data, position)
        chunk = Piece(kind, position, position + AROUND + length)
        if len(chunks) == MAX_PIECES:
            raise TooManyPieces("PNG")
        if not kind.isalpha():
            break
        if chunk.end > len(data):
            return chunks, chunk
        chunks.append(chunk)
        position = chunk.end
        if kind == b"IEND":
            break
    return chunks, None


def _keep(new: Rebuilt, chunk: Piece, *, pixels: bool) -> None:
    if chunk.kind == b"IEND":
        new.write(_END)
        if chunk.end - chunk.start != AROUND:
            new.say(END_MARK)
    elif pixels or is_sound(new.data, chunk.start, chunk.end):
        new.keep(chunk.start, chunk.end)
    elif chunk.kind[0] & 0x20:
        new.say(DAMAGED)
    else:
        raise NotAnImage(f"is a PNG whose {chunk.kind.decode()} chunk is damaged")


# Without an end mark


def _close(new: Rebuilt, chunks: Sequence[Piece], cut: Piece | None) -> None:
    data = new.data
    new.say(END_MARK)
    _check_frames(data, [*chunks, cut] if cut else chunks)
    parts = [_content(data, chunk) for chunk in chunks if chunk.kind == b"IDAT"]
    rest = _content(data, cut) if cut and cut.kind == b"IDAT" else b""
    missing = _missing(_unpacked_size(data, *_size(data, 16)), [*parts, rest])
    if rest or missing:
        if not rest and chunks[-1].kind != b"IDAT":
            raise CutOff("PNG")
        new.write(made_chunk(b"IDAT", rest + missing))
    elif cut and cut.kind != b"IEND":
        new.say(TAIL)
    behind = bytes(data[new.behind :])
    if cut or _END.startswith(behind) or (behind.endswith(_END) and not behind[: -len(_END)].strip(BLANKS)):
        new.behind = len(data)


def _content(data: Buffer, chunk: Piece) -> bytes:
    return bytes(data[chunk.start + 8 : chunk.end - 4])


def _size(data: Buffer, at: int) -> tuple[int, int]:
    width, height = struct.unpack_from(">II", data, at)
    return width, height


def _missing(size: int, packed: Iterable[bytes]) -> bytes:
    """The missing part of the checksum after the compressed pixels, which must be complete. Raises NotAnImage."""
    if size > MAX_UNPACKED_BYTES:
        raise NotAnImage(
            "is a PNG without an end mark, and too large to see whether pixels are missing too; save it again"
        )
    unpacking, checksum, left = zlib.decompressobj(-zlib.MAX_WBITS), 1, size
    rest = b"".join(packed)[2:]
    try:
        while left > -_STEP and (out := unpacking.decompress(rest, _STEP)):
            checksum, left, rest = zlib.adler32(out, checksum), left - len(out), unpacking.unconsumed_tail
    except zlib.error:
        raise NotAnImage("is a PNG with damaged pixels") from None
    if left > 0 or not unpacking.eof:
        raise CutOff("PNG")
    return struct.pack(">I", checksum)[len(unpacking.unused_data) :]


def _unpacked_size(data: Buffer, width: int, height: int) -> int:
    bits, colours, interlaced = struct.unpack_from(">BBxxB", data, 24)
    passes = _ADAM7 if interlaced else ((0, 0, 1, 1),)
    sizes = [(-((left - width) // across), -((top - height) // down)) for left, top, across, down in passes]
    pixel = bits * _SAMPLES[colours]
    return sum(rows * (1 + (columns * pixel + 7) // 8) for columns, rows in sizes if columns > 0 and rows > 0)


def _check_frames(data: Buffer, chunks: Sequence[Piece]) -> None:
    """An animation has as many frames as it announces, and the last one is whole."""
    kinds = [chunk.kind for chunk in chunks]
    if b"IDAT" not in kinds:
        raise CutOff("PNG")
    if b"acTL" not in kinds[: kinds.index(b"IDAT")]:
        return
    (announced,) = struct.unpack_from(">I", data, chunks[kinds.index(b"acTL")].start + 8)
    places = [number for number, kind in enumerate(kinds) if kind == b"fcTL"]
    if len(places) < announced or not {b"IDAT", b"fdAT"} & {*kinds[places[-1] :]}:
        raise CutOff("PNG")
    frame = [_content(data, chunk)[4:] for chunk in chunks[places[-1] :] if chunk.kind == b"fdAT"]
    if frame and _missing(_unpacked_size(data, *_size(data, chunks[places[-1]].start + 12)), frame):
        raise CutOff("PNG")
