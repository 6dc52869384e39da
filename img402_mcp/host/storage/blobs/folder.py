"""Blobs in a folder. Today's file systems index their folders, so one level is enough."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from img402_mcp.host.libc import begin_writeback
from img402_mcp.host.private_files import private_folder
from img402_mcp.host.storage.blobs.base import Content
from img402_mcp.host.storage.spool import older

_FLAGS = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS
_NOWAIT = getattr(os, "RWF_NOWAIT", 0)


class Folder:
    def __init__(self, root: Path) -> None:
        private_folder(root)
        self.spool, self._stored = private_folder(root / "incoming"), private_folder(root / "kept")

    def put(self, name: str, content: Content) -> None:
        with self.writing(name, content) as descriptor:
            os.fsync(descriptor)
            self.sync_names()

    @contextmanager
    def writing(self, name: str, content: Content) -> Iterator[int]:
        """Written where it stays, and on its way to the disk: the descriptor, to be synced. Gone if the block raises.

        Half written it is what bytes without a row are: invisible, and the cleanup's.
        """
        stored = f"{self._stored}/{name}"
        try:
            descriptor = _written(stored, content)
            try:
                begin_writeback(descriptor)
                yield descriptor
            finally:
                os.close(descriptor)
        except BaseException:
            self.delete(name)
            raise

    def sync_names(self) -> None:
        """One serves all files that had their names before it began."""
        if os.name == "posix":  # Windows has no way to sync a folder
            descriptor = os.open(self._stored, os.O_RDONLY | _FLAGS)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def read(self, name: str, start: int, length: int) -> bytes:
        with (self._stored / name).open("rb", buffering=0) as file:
            file.seek(start)
            return file.read(length)

    def read_if_cached(self, name: str, length: int) -> bytes | None:
        """What the system has of it; it is asked not to wait for the disk. Linux has a way to ask so."""
        if not _NOWAIT:
            return None
        data = bytearray(length)
        try:
            descriptor = os.open(f"{self._stored}/{name}", os.O_RDONLY | os.O_CLOEXEC)
            try:
                read = os.preadv(descriptor, [data], 0, _NOWAIT)
            finally:
                os.close(descriptor)
        except OSError:  # a read in a thread says what is wrong
            return None
        return bytes(data) if read == length else None

    def delete(self, *names: str) -> None:
        for name in names:
            (self._stored / name).unlink(missing_ok=True)

    def sizes(self, before: datetime) -> Iterator[tuple[str, int]]:
        return ((file.name, file.stat().st_size) for file in older(self._stored, before))


def _written(path: str, content: Content) -> int:
    """The descriptor. A file is renamed before it is synced, so that one commit of the journal covers both."""
    if isinstance(content, Path):
        return os.open(content.replace(path), os.O_RDWR | _FLAGS)
    descriptor = os.open(path, _NEW, 0o600)
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
