"""Blobs in a folder: a temporary file, rename, fsync. Today's file systems index their folders, so one level does."""

import os
from collections.abc import Iterator
from datetime import datetime
from itertools import count
from pathlib import Path
from threading import Lock

from img402_mcp.host.storage.blobs import spool_folder

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_NOWAIT = getattr(os, "RWF_NOWAIT", 0)


class Folder:
    def __init__(self, root: Path) -> None:
        spool_folder.made(root)
        self.spool, self._stored = spool_folder.made(root / "incoming"), spool_folder.made(root / "kept")
        self._names = _Names(self._stored)

    def put_file(self, name: str, file: Path) -> None:
        """Renamed before it is synced: nobody knows the name yet, and one commit of the journal covers both."""
        stored = file.replace(self._stored / name)
        try:
            _fsync(stored, os.O_RDWR)
            self._names.sync()
        except OSError:
            stored.unlink(missing_ok=True)
            raise

    def put_bytes(self, name: str, data: bytes) -> None:
        """Written where it stays: half written it is what bytes without a row are, invisible and the cleanup's."""
        stored = self._stored / name
        descriptor = os.open(stored, _NEW, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(descriptor)
            self._names.sync()
        except OSError:
            stored.unlink(missing_ok=True)
            raise

    def read(self, name: str, start: int, length: int) -> bytes:
        with (self._stored / name).open("rb", buffering=0) as file:
            file.seek(start)
            return file.read(length)

    def read_if_cached(self, name: str, length: int) -> bytes | None:
        """What the system has in memory; it is asked not to wait for the disk. Linux has a way to ask so."""
        if not _NOWAIT:
            return None
        data = bytearray(length)
        try:
            descriptor = os.open(f"{self._stored}/{name}", os.O_RDONLY | os.O_CLOEXEC)
            try:
                read = os.preadv(descriptor, [data], 0, _NOWAIT)
            finally:
                os.close(descriptor)
        except OSError:  # which is told by who reads it the usual way
            return None
        return bytes(data) if read == length else None

    def delete(self, *names: str) -> None:
        for name in names:
            (self._stored / name).unlink(missing_ok=True)

    def names(self, before: datetime) -> Iterator[str]:
        return (file.name for file in spool_folder.older(self._stored, before))

    def sizes(self, before: datetime) -> Iterator[tuple[str, int]]:
        return ((file.name, file.stat().st_size) for file in spool_folder.older(self._stored, before))

    def clear_spool(self, before: datetime) -> None:
        spool_folder.clear(self.spool, before)


class _Names:
    """A folder's names. One sync serves everybody whose file had its name before it began."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._turn = folder, Lock()
        self._requested, self._synced = count(1), 0

    def sync(self) -> None:
        mine = next(self._requested)
        with self._turn:
            if self._synced < mine and os.name == "posix":  # Windows has no way to sync a folder
                all_so_far = next(self._requested)
                _fsync(self._folder, os.O_RDONLY)
                self._synced = all_so_far


def _fsync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags | getattr(os, "O_CLOEXEC", 0))
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
