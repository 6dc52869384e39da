"""A picture's width and height from its first bytes, so that a wrong one is refused before the rest has come.

Best effort: anyone who needs to be sure examines the whole file.
"""

import re
import struct

from img402_mcp.formats import JPEG, MAGIC_LENGTH, PNG, WEBP, Buffer, Format, NotAnImage, sniff
from img402_mcp.formats.jpeg import START_OF_FRAME
from img402_mcp.formats.webp import SIZES

Size = tuple[int, int]

MAX_PREFIX_BYTES = 262_144  # of a JPEG whose frame header stands behind long metadata; then the end must tell
_FILL = re.compile(rb"\xff+")


class DimensionsReader:
    """Fed the file piece by piece until it knows the size or gives up."""

    def __init__(self, form: Format) -> None:
        self._form, self._read = form, _READERS.get(form)
        self._prefix, self._at = bytearray(), 2

    def feed(self, piece: Buffer) -> Size | None:
        """The size, once: when these bytes are the first that tell it."""
        if self._read is None:
            return None
        self._prefix += piece
        try:
            known = sniff(bytes(self._prefix[:MAGIC_LENGTH])) == self._form
            size, self._at = self._read(self._prefix, self._at) if known else (None, self._at)
        except (struct.error, NotAnImage):
            size = None
        if size is not None or len(self._prefix) > MAX_PREFIX_BYTES:
            self._read, self._prefix = None, bytearray()
        return size


def _png(data: bytearray, at: int) -> tuple[Size | None, int]:
    width, height = struct.unpack_from(">II", data, 16)
    return (width, height), at


def _jpeg(data: bytearray, at: int) -> tuple[Size | None, int]:
    """Goes on where it came to the last time, or bytes that trickle would be walked again with each of them."""
    while at + 9 <= len(data):
        if data[at] == data[at + 1] == 0xFF:
            at = _behind_fill(data, at) - 1
        elif data[at + 1] in START_OF_FRAME:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return (width, height), at
        else:
            at += 2 + (data[at + 2] << 8 | data[at + 3])
    return None, at


def _behind_fill(data: bytearray, at: int) -> int:
    fill = _FILL.match(data, at)
    return fill.end() if fill else at


def _webp(data: bytearray, at: int) -> tuple[Size | None, int]:
    read = SIZES.get(bytes(data[12:16]))
    return read(data, 20) if read else None, at


_READERS = {PNG: _png, JPEG: _jpeg, WEBP: _webp}
