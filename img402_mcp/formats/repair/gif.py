"""GIF: its end mark, stray bytes between blocks, a screen that is smaller than the first frame."""

import re
import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from img402_mcp.formats.base import MAX_PIECES, Buffer, CutOff, NotAnImage, TooManyPieces
from img402_mcp.formats.gif import after_blocks, corner, first_block, pixels_start
from img402_mcp.formats.repair.rebuilt import CONTROL, END_MARK, SIZE, STRAY, TAIL, Rebuilt

_USUAL_BITS = 9
"""The size of the first codes in nearly all files. Shorter codes mean more codes per byte, and each one takes time."""

_LARGEST_TABLE = 4096
_WIDEST_START = 11
_BLOCK = re.compile(rb"[,!;]")
_CONTROL = b"!\xf9"
_CONTROL_LENGTH = 8


class _Block(NamedTuple):
    """The source from `start` to `end`, and its replacement if it cannot stay as it is."""

    kind: bytes
    start: int
    end: int
    instead: bytes | None = None


def repair(new: Rebuilt) -> None:
    blocks = [*_blocks(new)]
    frames = [block for block in blocks if block.kind == b","]
    if not frames or blocks[-1].kind == _CONTROL:  # which announces a frame
        raise CutOff("GIF")
    _check_whole(new, blocks)
    _write_screen(new, frames[0])
    for block in blocks:
        _write(new, block)
    if blocks[-1].kind != b";":
        new.write(b";")


def _blocks(new: Rebuilt) -> Iterator[_Block]:
    """Viewers skip bytes that do not begin a block."""
    position = first_block(new.data)
    for _ in range(MAX_PIECES):
        found = _BLOCK.search(new.data, position)
        block = found and _block(new, found.start())
        if block is None:
            new.say(END_MARK)
            break
        if block.start != position:
            new.say(STRAY)
        position = block.end
        yield block
        if block.kind == b";":
            break
    else:
        raise TooManyPieces("GIF")
    new.behind = len(new.data) if TAIL in new.said else position


def _block(new: Rebuilt, start: int) -> _Block | None:
    """None for an extension that is cut off: it can be dropped."""
    data, kind = new.data, bytes(new.data[start : start + 1])
    if kind == b";":
        return _Block(kind, start, start + 1)
    if kind == b",":
        return _frame(new, start)
    kind = bytes(data[start : start + 2])
    try:
        return _Block(kind, start, after_blocks(data, start + 2))
    except IndexError:
        if kind in (b"!", _CONTROL):
            raise
    new.say(TAIL)
    return None


def _frame(new: Rebuilt, start: int) -> _Block:
    data = new.data
    corner(data, start)
    first = pixels_start(data, start)
    try:
        return _Block(b",", start, after_blocks(data, first))
    except IndexError:
        return _without_terminator(new, start, first)


def _without_terminator(new: Rebuilt, start: int, first: int) -> _Block:
    """The last sub-block reaches beyond the file. If the pixels are complete without it, it is dropped."""
    data, last = new.data, first
    while last < len(data) and (after := last + 1 + data[last]) <= len(data):
        last = after
    coded, rest = _coded(data, first, last), bytes(data[last + 1 :])
    if _cost(data, start, len(coded) + len(rest)) > new.most_coded:
        raise _too_large()
    if _is_whole(data, start, coded):
        return _Block(b",", start, last, bytes(data[start:last]) + b"\0")
    if _is_whole(data, start, coded + rest):
        return _Block(b",", start, len(data), bytes(data[start:last]) + bytes((len(rest),)) + rest + b"\0")
    raise CutOff("GIF")


def _check_whole(new: Rebuilt, blocks: Sequence[_Block]) -> None:
    """A frame next to stray bytes, or the last one without an end mark, may have lost pixels there."""
    data, left, doubtful = new.data, new.most_coded, False
    last = _Block(b"", len(data) + 1, 0)
    for before, block, after in zip([blocks[0], *blocks], blocks, [*blocks[1:], last], strict=False):
        doubtful = doubtful or (before is not block and before.end != block.start)
        if block.kind != b",":
            continue
        if doubtful or (block.end != after.start and block.instead is None):
            left -= _cost(data, block.start, block.end - block.start)
            _check_frame(data, block, left)
        doubtful = False


def _check_frame(data: Buffer, frame: _Block, left: int) -> None:
    if left < 0:
        raise _too_large()
    if not _is_whole(data, frame.start, _coded(data, pixels_start(data, frame.start), frame.end - 1)):
        raise CutOff("GIF")


def _coded(data: Buffer, position: int, end: int) -> bytes:
    parts = []
    while position < end:
        after = position + 1 + data[position]
        parts.append(data[position + 1 : after])
        position = after
    return b"".join(parts)


def _cost(data: Buffer, frame: int, coded: int) -> int:
    return coded * _USUAL_BITS // (data[pixels_start(data, frame) - 1] + 1)


def _too_large() -> NotAnImage:
    return NotAnImage(
        "is a GIF whose end mark is missing, too large to see whether pixels are missing too; save it again"
    )


def _is_whole(data: Buffer, frame: int, coded: bytes) -> bool:
    width, height = struct.unpack_from("<HH", data, frame + 5)
    pixels = int(width * height)
    return _coded_pixels(coded, data[pixels_start(data, frame) - 1], pixels) >= pixels


def _coded_pixels(coded: bytes, least: int, wanted: int) -> int:
    """Only counted. At most a few more than `wanted`; fewer where the code ends, or breaks."""
    if not 0 < least <= _WIDEST_START:
        return 0
    clear = 1 << least
    start = [1] * clear + [0, 0]
    lengths = [*start]
    width = least + 1
    total = held = bits = previous = 0
    for byte in coded:
        held |= byte << bits
        bits += 8
        while bits >= width:
            code, held, bits = held & ((1 << width) - 1), held >> width, bits - width
            if code == clear:
                lengths, width, previous = [*start], least + 1, 0
                continue
            if previous and len(lengths) < _LARGEST_TABLE:
                lengths.append(previous + 1)
                width += len(lengths) == 1 << width and width < 12
            if code == clear + 1 or code >= len(lengths) or total >= wanted:
                return total
            previous = lengths[code]
            total += previous
    return total


def _write_screen(new: Rebuilt, first: _Block) -> None:
    """Large enough for the first frame, as viewers make it."""
    told: tuple[int, int] = struct.unpack_from("<HH", new.data, 6)
    size = tuple(map(max, told, corner(new.data, first.start)))
    if size != told:
        new.say(SIZE)
    new.keep(0, 6)
    new.write(struct.pack("<HH", *size))
    new.keep(10, first_block(new.data))


def _write(new: Rebuilt, block: _Block) -> None:
    size = new.data[block.start + 2] if block.kind == _CONTROL else 0
    if block.instead is not None:
        new.say(END_MARK)
        new.write(block.instead)
    elif block.kind != _CONTROL or (size == 4 and block.end - block.start == _CONTROL_LENGTH):
        new.keep(block.start, block.end)
    else:
        new.say(CONTROL)
        if size > 3:
            new.write(_CONTROL + b"\4" + bytes(new.data[block.start + 3 : block.start + 7]) + b"\0")
