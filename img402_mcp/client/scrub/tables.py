"""Which tables of a JPEG a decoder uses. A table that is replaced before a scan uses it, or that belongs to no
component, may hold anything: nobody reads it.
"""

from collections.abc import Iterable

from img402_mcp.formats import Piece
from img402_mcp.formats.jpeg import (
    HUFFMAN,
    QUANTIZATION,
    RESTART_INTERVAL,
    START_OF_FRAME,
    START_OF_SCAN,
    TABLES,
    tables_in,
)

ARITHMETIC, JFIF, ADOBE = 0xCC, 0xE0, 0xEE
_ARITHMETIC_FRAMES = (0xC9, 0xCA)
_MAX_CONDITIONS = 4 + 2 * 32  # bytes of the segment


def used(data: bytes, segments: Iterable[Piece]) -> set[int]:
    """Where they begin: tables within their segments, and whole segments, of which the last one counts."""
    decoder = _Decoder(data)
    for segment in segments:
        decoder.read(segment)
    return decoder.used


class _Decoder:
    def __init__(self, data: bytes) -> None:
        self.used: set[int] = set()
        self._data = data
        self._holds: dict[tuple[int, int], int] = {}  # marker and name -> where it begins
        self._quantized_by: dict[int, int] = {}  # component -> its table, until that is fetched
        self._conditions: list[int] = []

    def read(self, segment: Piece) -> None:
        marker, start = segment.kind[0], segment.start
        if marker in TABLES:
            for table in tables_in(self._data, start, segment.end):
                self._holds[marker, table.name if marker == HUFFMAN else table.name & 15] = table.start
        elif marker == RESTART_INTERVAL or (not self.used and is_told_once(self._data, segment)):
            self._holds[marker, 0] = start
        elif marker == ARITHMETIC and segment.end - start <= _MAX_CONDITIONS:
            self._conditions.append(start)
        elif marker in START_OF_FRAME:
            components = self._data[start + 10 : segment.end]
            self._quantized_by = dict(zip(components[::3], components[2::3], strict=True))
            self.used.update(self._conditions if marker in _ARITHMETIC_FRAMES else ())
        elif marker == START_OF_SCAN:
            self._fetch(start)

    def _fetch(self, scan: int) -> None:
        described = self._data[scan + 5 : scan + 5 + 2 * self._data[scan + 4]]
        names = [(RESTART_INTERVAL, 0), (JFIF, 0), (ADOBE, 0)]
        for component, coders in zip(described[::2], described[1::2], strict=True):
            names += [(HUFFMAN, coders >> 4), (HUFFMAN, 0x10 | coders & 15)]
            if component in self._quantized_by:
                names.append((QUANTIZATION, self._quantized_by.pop(component)))
        self.used.update(self._holds[name] for name in names if name in self._holds)


def is_told_once(data: bytes, segment: Piece) -> bool:
    """JFIF and Adobe's colour transform: decoders use the last one before the pixels."""
    length, start = segment.end - segment.start - 4, segment.start + 4
    if segment.kind[0] == JFIF:
        return length >= 14 and data.startswith(b"JFIF\0", start)
    return segment.kind[0] == ADOBE and length >= 12 and data.startswith(b"Adobe", start)
