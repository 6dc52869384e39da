"""A body's bytes while they arrive: in memory, and in a file once they are many.

To make a file waits for the file system's journal, which syncs for others: nothing for the event loop.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import BinaryIO

from img402_mcp.formats import Buffer
from img402_mcp.host.storage.blobs.base import ARRIVING, Content

SMALL = 1_048_576
TOGETHER = 32 * 1_048_576  # of all bodies of a process; beyond that also small ones are in files
WRITE_SIZE = 256 * 1024


class _Memory:
    """Used from the event loop only, so it needs no lock."""

    left = TOGETHER


class Body:
    def __init__(self, spool: Path) -> None:
        self._spool, self._held, self._data = spool, 0, bytearray()
        self._file: BinaryIO | None = None
        self._path: Path | None = None

    def write(self, piece: Buffer) -> None:
        """Past SMALL it fills the page cache, which is less than a hop to a thread."""
        if self._file is None and self._held + len(piece) <= SMALL and len(piece) <= _Memory.left:
            self._held += len(piece)
            _Memory.left -= len(piece)
            self._data += piece
        else:
            self._on_disk().write(piece)

    @property
    def path(self) -> Path:
        """Its file, whole. Blocks; nothing is written any more."""
        file = self._on_disk()
        file.close()
        return Path(file.name)

    @contextmanager
    def view(self) -> Iterator[Buffer]:
        """Blocks."""
        if self._file is None:
            yield self._data
        else:
            with self.path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
                yield data

    @property
    def content(self) -> Content:
        """All of it. Blocks; nothing is written any more."""
        return self._data if self._file is None else self.path

    def cut(self, size: int) -> None:
        """To its first bytes. Blocks; nothing is written any more."""
        if self._file is None:
            self._data = self._data[:size]
        else:
            os.truncate(self.path, size)

    def replace(self, data: bytes) -> None:
        """Blocks; nothing is written any more."""
        if self._file is None:
            self._data = bytearray(data)
        else:
            self.path.write_bytes(data)

    def discard(self) -> None:
        _Memory.left += self._held
        self._held = 0
        if self._file is not None:
            with suppress(OSError):  # nobody wants these bytes
                self._file.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def _on_disk(self) -> BinaryIO:
        if self._file is None:
            descriptor, name = tempfile.mkstemp(dir=self._spool, suffix=ARRIVING)
            os.close(descriptor)
            self._path = Path(name)
            self._file = self._path.open("wb", buffering=WRITE_SIZE)
            self._file.write(self._data)
            self._data = bytearray()
        return self._file


@contextmanager
def arriving(spool: Path) -> Iterator[Body]:
    """Its file, if there is one, is gone when the block ends, unless the store took it over."""
    body = Body(spool)
    try:
        yield body
    finally:
        body.discard()


def clear(folder: Path, before: datetime) -> None:
    """Removes bodies that a crash left behind and nobody has written to since."""
    for file in older(folder, before):
        if file.name.endswith(ARRIVING):
            Path(file).unlink(missing_ok=True)


def older(folder: Path, before: datetime) -> Iterator[os.DirEntry[str]]:
    """Files that nobody has written to since."""
    with os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):  # renamed or removed meanwhile
                if entry.is_file(follow_symlinks=False) and entry.stat().st_mtime < before.timestamp():
                    yield entry
