"""The names of the files in a folder and below it, found without following links."""

import os
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from img402_mcp.client.files.documents import OPENED
from img402_mcp.client.files.refusal import FileRefused
from img402_mcp.client.files.safe_open import listable

MAX_NAMES = 20_000  # files looked at: less than half a second, and more than a document's folder holds
_SKIPPED = frozenset({"node_modules"})


def files_below(folder: Path, most: int = MAX_NAMES) -> Iterator[str]:
    """Paths that start at `folder`, with "/" between names, the nearest first. Hidden folders are left out."""
    pending = deque([""])
    while pending and most > 0:
        prefix = pending.popleft()
        with suppress(OSError, FileRefused), _entries(folder / prefix) as entries:
            for entry in entries:
                most -= 1
                if entry.is_dir(follow_symlinks=False):
                    is_skipped = entry.name.startswith(".") or entry.name in _SKIPPED
                    pending += [] if is_skipped else [f"{prefix}{entry.name}/"]
                elif entry.is_file(follow_symlinks=False):
                    yield f"{prefix}{entry.name}"
                if most <= 0:
                    break


@contextmanager
def _entries(folder: Path) -> Iterator[Iterator[os.DirEntry[str]]]:
    with OPENED(folder) as (path, descriptor):
        if descriptor is None:
            with os.scandir(path) as entries:
                yield entries
        else:
            with listable(descriptor) as readable, os.scandir(readable) as entries:
                yield entries
