"""A picture's width and height from its first bytes, so that a wrong one is refused before the rest has come.

Best effort: whoever needs to be sure examines the whole file.
"""

import struct

from img402_mcp.formats import JPEG, PNG, START_OF_FRAME, WEBP, WEBP_SIZES, Format, NotAnImage, sniff

Size = tuple[int, int]

LONGEST_PREFIX = 262_144  # of a JPEG whose frame header stands behind long metadata; then the end must tell


class EarlySize:
    """Fed the file piece by piece until it knows the size or gives up."""

    def __init__(self, form: Format) -> None:
        self._form, self._read = form, _READERS.get(form)
        self._prefix = b""

    def feed(self, piece: bytes) -> Size | None:
        """The size, once: when these bytes are the first that tell it."""
        if self._read is None:
            return None
        self._prefix += piece
        try:
            size = self._read(self._prefix) if sniff(self._prefix) == self._form else None
        except (struct.error, IndexError, NotAnImage):
            size = None
        if size is not None or len(self._prefix) > LONGEST_PREFIX:
            self._read, self._prefix = None, b""
        return size


def _png(data: bytes) -> Size:
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _jpeg(data: bytes) -> Size:
    at = 2
    while True:
        while data[at] == data[at + 1] == 0xFF:
            at += 1
        (length,) = struct.unpack_from(">H", data, at + 2)
        if data[at + 1] in START_OF_FRAME:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        at += 2 + length


def _webp(data: bytes) -> Size | None:
    read = WEBP_SIZES.get(data[12:16])
    return read(data, 20) if read else None


_READERS = {PNG: _png, JPEG: _jpeg, WEBP: _webp}
