"""A new stream, made of parts of a broken one and a few new bytes."""

from img402_mcp.formats.base import Buffer

END_MARK = "end mark was missing"
STRAY = "stray bytes between its parts"
TAIL = "a cut-off part after the pixels"
SIZE = "wrong size in its header"
DAMAGED = "damaged chunks that viewers skip"
LENGTH = "wrong length in its header"
PADDING = "padding byte was missing"
MARKS = "wrong flags in its header"
BLANK = "padding after its end"
CONTROL = "control blocks of the wrong length"

BLANKS = b"\0\xff\r\n\t "
"""Bytes that may follow an image and mean nothing."""


class Rebuilt:
    """`said` are the kinds of repairs, in order, each once. `behind`: where the source's image ends.

    `most_coded`: how many coded bytes of a GIF may be counted.
    """

    def __init__(self, data: Buffer, most_coded: int) -> None:
        self.data, self.most_coded = data, most_coded
        self.said: dict[str, None] = {}
        self.is_proven = True
        self.behind = len(data)
        self._parts: list[Buffer] = []

    def say(self, kind: str) -> None:
        self.said[kind] = None

    def keep(self, start: int, end: int) -> None:
        self._parts.append(self.data[start:end])

    def write(self, new: bytes) -> None:
        self._parts.append(new)

    def joined(self) -> bytes:
        return b"".join((*self._parts, self.data[self.behind :]))
