"""The marks of tests that need what only POSIX systems have. On Windows they are skipped, with the reason."""

import os
from pathlib import Path

import pytest

LINKS = pytest.mark.posix(reason="symbolic links, which Windows lets few users make, and Wine none")
MODES = pytest.mark.posix(reason="the modes of files")
NAMES = pytest.mark.posix(reason="names that Windows cannot have, or reads in another way")
DEVICES = pytest.mark.posix(reason="pipes, sockets, devices or /proc")
PROCESSES = pytest.mark.posix(reason="signals, terminals, limits or users of POSIX processes")
WORDS = pytest.mark.posix(reason="the words of the system, or how its paths look")
CLOCK = pytest.mark.posix(reason="the processor time of a thread, which Windows counts in steps of 16 ms")
LONG_PATHS = pytest.mark.posix(reason="paths of more than 260 characters, which Wine 8 cannot resolve")
OPEN_FILES = pytest.mark.posix(reason="files and folders that are deleted or moved while they are open")
WALKING = pytest.mark.posix(reason="files that are opened from a folder's descriptor")


def link(place: Path, target: str) -> None:
    """A symbolic link; nothing on Windows, where the tests that ask for it are marked."""
    if os.name != "nt":
        place.symlink_to(target)


def pipe(place: Path) -> None:
    if os.name != "nt":
        os.mkfifo(place)
