"""JPEG: its end mark, and what viewers skip between its segments."""

import re
from collections.abc import Iterator, Sequence

from img402_mcp.formats.base import MAX_PIECES, Buffer, CutOff, TooManyPieces
from img402_mcp.formats.jpeg import (
    AFTER_SCAN,
    APPLICATIONS,
    END_OF_IMAGE,
    PROGRESSIVE,
    RESTARTS,
    START_OF_FRAME,
    START_OF_IMAGE,
    START_OF_SCAN,
    UNKNOWN,
    broken,
    segment_end,
)
from img402_mcp.formats.repair.rebuilt import END_MARK, STRAY, TAIL, Rebuilt

_MARKER = re.compile(rb"\xff+[^\x00\xff]", re.DOTALL)
_TEMPORARY = 0x01
_COMPONENTS, _PLACES = 4, 64

Segment = tuple[int, int, int]  # marker, start, end


def repair(new: Rebuilt) -> None:
    segments = [*_segments(new)]
    new.keep(0, 2)
    for _, start, end in segments:
        new.keep(start, end)
    if not segments or segments[-1][0] != END_OF_IMAGE:
        _check_scans(new.data, segments)
        new.say(END_MARK)
        new.write(b"\xff\xd9")
        new.is_proven = False


def _segments(new: Rebuilt) -> Iterator[Segment]:
    position, marker = 2, 0
    for _ in range(MAX_PIECES):
        new.behind = position
        found = _MARKER.search(new.data, position)
        if marker == END_OF_IMAGE or not found:
            return
        if found.start() != position:
            new.say(STRAY)
        start = found.end() - 2
        marker = new.data[start + 1]
        position = _end(new.data, start, marker)
        if marker in UNKNOWN or marker in RESTARTS or marker == _TEMPORARY:
            new.say(STRAY)
        elif position <= len(new.data):
            yield marker, start, position
        elif marker in APPLICATIONS:
            new.say(TAIL)
        else:
            raise CutOff("JPEG")
    raise TooManyPieces("JPEG")


def _end(data: Buffer, start: int, marker: int) -> int:
    if marker in RESTARTS or marker in (_TEMPORARY, END_OF_IMAGE):
        return start + 2
    if marker < 0xC0 or marker == START_OF_IMAGE:
        raise broken()
    end = segment_end(data, start)
    if marker != START_OF_SCAN or end > len(data):
        return end
    found = AFTER_SCAN.search(data, end)
    return found.start() if found else _without_padding(data, end)


def _without_padding(data: Buffer, scan: int) -> int:
    """The end of a scan without an end mark: half a mark, fill bytes and the zeros of a disk block are left out."""
    coded = bytes(data[scan:])
    kept = coded.rstrip(b"\xff")
    if kept == coded:
        kept = coded.rstrip(b"\0")
    return scan + len(kept) + (kept.endswith(b"\xff"))  # FF00 is a coded byte


def _check_scans(data: Buffer, segments: Sequence[Segment]) -> None:
    """All scans that the frame needs must be there. Only a decoder can say whether the last scan is complete."""
    frame = next((each for each in segments if each[0] in START_OF_FRAME), None)
    if frame is None:
        raise CutOff("JPEG")
    components = data[frame[1] + 10 : frame[2] : 3][:_COMPONENTS]
    left = {(each, place) for each in components for place in range(_PLACES if frame[0] in PROGRESSIVE else 1)}
    for marker, start, _ in segments:
        if marker == START_OF_SCAN:
            left -= _completed(data, start, is_progressive=frame[0] in PROGRESSIVE)
    if left:
        raise CutOff("JPEG")


def _completed(data: Buffer, scan: int, *, is_progressive: bool) -> set[tuple[int, int]]:
    """Component and place in the spectrum, to the last bit."""
    count = data[scan + 4]
    if not 1 <= count <= _COMPONENTS:
        raise broken()
    first, last, bits = data[scan + 5 + 2 * count : scan + 8 + 2 * count]
    places = range(first, min(last + 1, _PLACES)) if is_progressive else range(1)
    shown = data[scan + 5 : scan + 5 + 2 * count : 2]
    return {(each, place) for each in shown for place in places} if not is_progressive or not bits & 15 else set()
