"""The local folder for bodies that are still arriving."""

import math
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from img402_mcp.host.storage.blobs.base import ARRIVING


def clear(folder: Path, before: datetime) -> None:
    """Removes bodies that a crash left behind and nobody has written to since."""
    for file in older(folder, before):
        if file.name.endswith(ARRIVING):
            Path(file).unlink(missing_ok=True)


def older(folder: Path, before: datetime) -> Iterator[os.DirEntry[str]]:
    """Files that nobody has written to since."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_file(follow_symlinks=False) and _written(entry) < before.timestamp():
                yield entry


def _written(entry: os.DirEntry[str]) -> float:
    try:
        return entry.stat(follow_symlinks=False).st_mtime
    except FileNotFoundError:  # renamed or removed meanwhile
        return math.inf
