"""Files that appear complete or not at all: written next to their place, flushed to disk, then given their name."""

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_NEW = ("O_WRONLY", "O_CREAT", "O_EXCL", "O_NOFOLLOW", "O_CLOEXEC", "O_BINARY", "O_NOINHERIT")


def new_file(path: Path, mode: int = 0o600, folder: int | None = None) -> int:
    """A descriptor for writing. Raises OSError, and FileExistsError if the file exists."""
    return os.open(path, sum(getattr(os, name, 0) for name in _NEW), mode, dir_fd=folder)


def atomic_write(
    path: Path,
    data: bytes,
    *,
    create: Callable[[Path], int] = new_file,
    overwrite: bool = False,
    folder: int | None = None,
) -> None:
    """`create` makes the file with its permissions. `folder`: the open folder that `path` is looked up from.

    Raises OSError, and FileExistsError if the file exists and must not be overwritten.
    """
    with draft_of(path, overwrite=overwrite, folder=folder) as draft, os.fdopen(create(draft), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def draft_of(path: Path, *, overwrite: bool = False, folder: int | None = None) -> Iterator[Path]:
    """A free name in the same folder. The file that has it at the end of the block is then named `path`."""
    draft = path.with_name(f".{secrets.token_hex(8)}.unfinished")
    try:
        yield draft
        (os.replace if overwrite else _put_new)(draft, path, src_dir_fd=folder, dst_dir_fd=folder)
    finally:
        with suppress(OSError):
            os.unlink(draft, dir_fd=folder)
    if folder is None:
        _sync(path.parent)


def _put_new(draft: Path, path: Path, *, src_dir_fd: int | None, dst_dir_fd: int | None) -> None:
    """A link is made or refused in one step; renaming would replace the file."""
    follow = os.link not in os.supports_follow_symlinks
    try:
        os.link(draft, path, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd, follow_symlinks=follow)
    except OSError:  # the name is not free, or this file system knows no hard links: the name is taken first, if it can
        os.close(new_file(path, folder=dst_dir_fd))
        os.replace(draft, path, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)


def _sync(folder: Path) -> None:
    """Flushes the folder's names to disk, too, if the system can. Windows and some network disks cannot."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
