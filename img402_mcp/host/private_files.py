"""Folders and files for their owner alone, whatever the umask: who knows an image's id knows its URL."""

import logging
import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_log = logging.getLogger("img402_mcp.host.folders")

_OTHERS = 0o077


def private_folder(folder: Path) -> Path:
    """With the folders above it, where they are missing. A folder that was there stays as it is."""
    for missing in [each for each in (folder, *folder.parents) if not each.exists()][::-1]:
        with suppress(FileExistsError):  # another worker makes it at the same moment
            missing.mkdir(mode=0o700)
            missing.chmod(0o700)
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is not a folder")
    return folder


def private_file(path: str) -> None:
    """An empty one where none is, and the mode 0600 also where an earlier version made it.

    One that is there is not opened: to close it would end this process's locks on it.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        with suppress(PermissionError):  # it belongs to somebody else, who lets us write to it
            if is_open_to_others(Path(path).stat()):
                Path(path).chmod(0o600)


def is_open_to_others(found: os.stat_result) -> bool:
    """Windows has no such mode."""
    return os.name == "posix" and bool(found.st_mode & _OTHERS)


def warn_of_open(folders: Iterable[Path]) -> None:
    for folder in dict.fromkeys(folders):
        found = folder.stat()
        if is_open_to_others(found):
            _log.warning(
                "Other users of this machine can look into %s (mode %04o), where the host keeps its data. "
                "Run `chmod 700 %s`.",
                *(folder, stat.S_IMODE(found.st_mode), folder),
            )
