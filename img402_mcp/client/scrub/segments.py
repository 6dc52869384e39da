"""One image while it is scrubbed: which parts are kept, and what is removed."""

from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from typing import TypeVar

from img402_mcp.client.scrub.exif import content_of
from img402_mcp.formats import Picture
from img402_mcp.formats.base import Piece, Runs
from img402_mcp.formats.walk import pieces

K = TypeVar("K", int, bytes)


class NotClean(ValueError):
    """The image could not be scrubbed. `str()` is a clause that goes on from "it"."""


class Segments:
    """Neighbouring pieces are copied in one go. Nothing is copied as long as nothing is removed."""

    def __init__(self, data: bytes, picture: Picture) -> None:
        self.data = data
        self.picture = picture
        self.removed: dict[str, None] = {}  # in order, each once
        self.runs: Runs = {}  # where the picture's runs are in the result
        self.length = 0
        self.turned = False  # whether an orientation was kept
        self._out = BytesIO()
        self._kept = (0, 0)
        self._exif_seen = False

    def pieces(self) -> Iterator[Piece]:
        return pieces(self.data, self.picture.format, self.picture.runs)

    def keep(self, start: int, end: int) -> None:
        shift = self.length - start
        if start in self.picture.runs:
            self.runs[start + shift] = end + shift
        if start != self._kept[1]:
            self._copy()
            self._kept = (start, start)
        self._kept = (self._kept[0], end)
        self.length += end - start

    def drop(self, *kinds: str) -> None:
        self.removed.update(dict.fromkeys(kinds))

    def name(self, table: Iterable[tuple[K, bytes, str]], kind: K, content: int, otherwise: str) -> str:
        """`table`: kind of piece, how its content begins, what that is called."""
        names = (name for each, begins, name in table if kind == each and self.data.startswith(begins, content))
        return next(names, otherwise)

    def swap(self, start: int, end: int, new: bytes, *kinds: str) -> None:
        """Puts `new` in place of the piece, which holds `kinds`. The piece is kept if both are the same."""
        if self.data[start:end] == new:
            self.keep(start, end)
            return
        self.drop(*kinds)
        self._copy()
        self._kept = (end, end)
        self.length += self._out.write(new)

    def swap_exif(self, piece: Piece, content: int, wrapped: Callable[[bytes], bytes]) -> None:
        """Only the orientation stays. Decoders use the first EXIF block, so the others are not read."""
        if self._exif_seen:
            self.drop("EXIF")
            return
        self._exif_seen = True
        kinds, turning = content_of(self.data[content : piece.end].removeprefix(b"Exif\0\0"))
        new = wrapped(turning) if turning else b""
        self.turned = bool(new)
        self.swap(piece.start, piece.end, new, *kinds)

    def overwrite(self, offset: int, new: bytes) -> None:
        self._copy()
        self._out.getbuffer()[offset : offset + len(new)] = new

    def joined(self) -> bytes:
        self._copy()
        return self._out.getvalue()

    def _copy(self) -> None:
        start, end = self._kept
        self._out.write(memoryview(self.data)[start:end])
        self._kept = (end, end)
