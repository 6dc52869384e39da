"""Blobs in a folder: a temporary file, rename, fsync. Today's file systems index their folders, so one level does."""

import math
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from img402_mcp.host.blobs.base import ARRIVING


class Folder:
    def __init__(self, root: Path) -> None:
        self.spool = root / "incoming"
        self._kept = root / "kept"
        for folder in (root, self.spool, self._kept):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def keep(self, name: str, file: Path) -> None:
        """Renamed before it is synced: nobody knows the name yet, and one commit of the journal covers both."""
        kept = file.replace(self._kept / name)
        try:
            _fsync(kept, os.O_RDWR)
            if os.name == "posix":  # Windows has no way to sync a folder
                _fsync(self._kept, os.O_RDONLY)
        except OSError:
            kept.unlink(missing_ok=True)
            raise

    def read(self, name: str, start: int, length: int) -> bytes:
        with (self._kept / name).open("rb", buffering=0) as file:
            file.seek(start)
            return file.read(length)

    def drop(self, name: str) -> None:
        (self._kept / name).unlink(missing_ok=True)

    def names(self, before: datetime) -> Iterator[str]:
        return (file.name for file in _older(self._kept, before))

    def clear_spool(self, before: datetime) -> None:
        for file in _older(self.spool, before):
            if file.name.endswith(ARRIVING):
                Path(file).unlink(missing_ok=True)


def _fsync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags | getattr(os, "O_CLOEXEC", 0))
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _older(folder: Path, before: datetime) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_file(follow_symlinks=False) and _written(entry) < before.timestamp():
                yield entry


def _written(entry: os.DirEntry[str]) -> float:
    try:
        return entry.stat(follow_symlinks=False).st_mtime
    except FileNotFoundError:  # renamed or removed meanwhile
        return math.inf
