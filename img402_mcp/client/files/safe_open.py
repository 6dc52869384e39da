"""From the path that a model names to the bytes of one image, and to nothing outside the allowed folders.

The path is resolved with all its links, and must then be inside a root by whole components. Links may be swapped after
that check, so the *resolved* path is opened from the top of the file system downward, one component at a time, without
following links. Starting at the top and not at a kept descriptor of the root means that a root deleted and made again
goes on working, and that a link put in place of a root's parent is refused too. Folders are opened with O_PATH if the
system has it, so the right to search them is enough. The file is checked before it is opened, so that a pipe or device
is never opened; it is read once, and those bytes are the image.

Any path outside the roots gets the same sentence, whether it exists or not: no answer reveals files elsewhere. For the
same reason `..` removes the name before it without asking the disk, as in a URL. One thing is visible: a link outside
that leads into a root works.

Not detected: a hard link, which is the file itself under another name; a writer that changes a file in place, to the
same size, within one tick of the file system's clock. Without `dir_fd` (Windows) the path is opened as a whole and
resolved again afterwards: a folder swapped for a link and back and forth again, between three calls, can pass there.
The answer is then still an image and nothing else.
"""

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from img402_mcp.client.files.cloud_files import (
    HOW_TO_DOWNLOAD,
    NOT_DOWNLOADED,
    SECONDS,
    downloaded,
    is_elsewhere,
    kept_by_icloud,
    stub_of,
)
from img402_mcp.client.files.held_files import HELD, is_held_open
from img402_mcp.client.files.paths import on_disk, resolved
from img402_mcp.client.files.refusal import A_FOLDER, LINKED, REASONS, FileRefused

Opening = Callable[[Path], AbstractContextManager[int]]

_INVALID_NAME = 123
"""Windows' errors for a name that no file can have."""
_THROUGH = ("O_RDONLY", "O_PATH", "O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC")
_FOR_READING = ("O_RDONLY", "O_NOFOLLOW", "O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY", "O_NOINHERIT")


def flags(names: Iterable[str]) -> int:
    return sum(getattr(os, name, 0) for name in names)


@contextmanager
def open_by_walking(path: Path) -> Iterator[int]:
    with open_folder(path.parent) as folder:
        name = path.name or "."
        seen = os.stat(name, dir_fd=folder, follow_symlinks=False)
        _demand_file(seen)
        with _checked(os.open(name, flags(_FOR_READING), dir_fd=folder), seen) as descriptor:
            yield descriptor


@contextmanager
def open_by_rechecking(path: Path) -> Iterator[int]:
    place = on_disk(path)
    seen = os.lstat(place)
    _demand_file(seen)
    with _checked(os.open(place, flags(_FOR_READING)), seen) as descriptor:
        if resolved(path) != path or not os.path.samestat(os.lstat(place), seen):
            raise _changed()
        yield descriptor


CAN_WALK = {os.open, os.stat} <= os.supports_dir_fd and hasattr(os, "O_NOFOLLOW") and hasattr(os, "O_DIRECTORY")
OPENING: Opening = open_by_walking if CAN_WALK else open_by_rechecking


@contextmanager
def open_folder(path: Path) -> Iterator[int]:
    here = os.open(path.anchor, flags(_THROUGH))
    try:
        for name in path.parts[1:]:
            inner = os.open(name, flags(_THROUGH), dir_fd=here)
            os.close(here)
            here = inner
        yield here
    finally:
        os.close(here)


@contextmanager
def _checked(descriptor: int, seen: os.stat_result) -> Iterator[int]:
    """The open file, if it is still the one that was checked. It is always closed at the end."""
    try:
        opened = os.fstat(descriptor)
        _demand_file(opened)
        if not os.path.samestat(opened, seen):
            raise _changed()
        yield descriptor
    finally:
        os.close(descriptor)


def _demand_file(status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise FileRefused(A_FOLDER)
    if stat.S_ISLNK(status.st_mode):
        raise FileRefused(LINKED)
    if not stat.S_ISREG(status.st_mode):
        raise FileRefused("is not a regular file but a device, pipe or socket")


@dataclass(frozen=True)
class Disk:
    """How a file is opened and looked at, and how long the download of one is waited for that a cloud drive keeps."""

    opening: Opening = OPENING
    status: Callable[[int], os.stat_result] = os.fstat
    seconds: float = SECONDS


def read_bytes(path: Path, limit: int, disk: Disk, purpose: str = "sent") -> bytes:
    try:
        with disk.opening(path) as descriptor:
            if kept_by_icloud(path.name):
                raise FileRefused(
                    "is not the file itself, which iCloud keeps and has not downloaded yet", HOW_TO_DOWNLOAD
                )
            return _read_once(descriptor, limit, disk, purpose)
    except FileNotFoundError:
        raise _missing(path, disk) from None
    except OSError as error:
        if getattr(error, "winerror", None) == _INVALID_NAME:
            raise _missing(path, disk) from None
        held = HELD if is_held_open(path, error) else ""
        raise FileRefused(held or REASONS.get(error.errno or 0) or f"cannot be read: {error.strerror}") from None


def _missing(path: Path, disk: Disk) -> FileRefused:
    with suppress(OSError, FileRefused), disk.opening(path.with_name(stub_of(path.name))):
        return FileRefused(NOT_DOWNLOADED, HOW_TO_DOWNLOAD)
    return FileRefused("does not exist", missing=True)


def _read_once(descriptor: int, limit: int, disk: Disk, purpose: str) -> bytes:
    before = disk.status(descriptor)
    if not before.st_size:
        raise FileRefused("is empty: still being written, or not yet downloaded from its cloud drive")
    if before.st_size > limit:
        raise FileRefused(f"is too large: it has {before.st_size:,} bytes, and at most {limit:,} can be {purpose}")
    data = _all_of(descriptor, before, disk.seconds)
    after = disk.status(descriptor)
    if (len(data), after.st_mtime_ns) != (before.st_size, before.st_mtime_ns) or after.st_size != before.st_size:
        raise _changed()
    return data


def _all_of(descriptor: int, status: os.stat_result, seconds: float) -> bytes:
    if is_elsewhere(getattr(status, "st_flags", 0), getattr(status, "st_file_attributes", 0)):
        return downloaded(descriptor, status.st_size + 1, seconds)
    with open(descriptor, "rb", closefd=False) as file:
        return file.read(status.st_size + 1)


def _changed() -> FileRefused:
    return FileRefused("changed while it was read; try again")


@contextmanager
def scanned(folder: Path) -> Iterator[Iterator[os.DirEntry[str]]]:
    """The folder's entries. Raises OSError, also for a folder that a link leads to."""
    with _listable(folder) as place, os.scandir(place) as entries:
        yield entries


@contextmanager
def _listable(folder: Path) -> Iterator[int | Path]:
    if not CAN_WALK:  # Windows: each file is looked at again when it is opened
        if resolved(folder) != folder:  # a junction, which is not passed through
            raise NotADirectoryError(folder)
        yield on_disk(folder)
        return
    with open_folder(folder) as through:
        descriptor = os.open(".", flags(("O_RDONLY", "O_DIRECTORY", "O_CLOEXEC")), dir_fd=through)
        try:
            yield descriptor
        finally:
            os.close(descriptor)
