"""The interface of a store of bytes. Its methods block and are called in threads."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Protocol

ARRIVING = ".part"
"""How the names of bodies in the spool end; other files there are none of ours."""


class Blobs(Protocol):
    spool: Path
    """A local folder for bodies that are still arriving; on the store's own file system where it has one."""

    def keep(self, name: str, file: Path) -> None:
        """Take the file over. When this returns the bytes survive a power cut; if it raises, the name is unknown."""

    def read(self, name: str, start: int, length: int) -> bytes:
        """Bytes from `start`, at most `length`. Raises FileNotFoundError for an unknown name."""

    def drop(self, name: str) -> None:
        """Forget the bytes; an unknown name is fine."""

    def names(self, before: datetime) -> Iterator[str]:
        """What was kept before that moment."""

    def clear_spool(self, before: datetime) -> None:
        """Remove bodies (`*ARRIVING`) that a crash left behind and nobody has written to since."""
