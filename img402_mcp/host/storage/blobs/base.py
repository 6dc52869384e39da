"""The interface of a store of bytes. Its methods block and are called in threads; what fails raises OSError."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Protocol

ARRIVING = ".part"
"""How the names of bodies in the spool end; other files there are none of ours."""

Content = bytes | bytearray | Path
"""A body in memory, or its file in the spool."""


class Blobs(Protocol):
    @property
    def spool(self) -> Path:
        """A local folder for bodies that are still arriving; on the store's own file system where it has one."""

    def put(self, name: str, content: Content) -> None:
        """Keeps the bytes, or takes the file over. When this returns they survive a power cut.

        If it raises, the name must not be given out. What a store took without saying so is an orphan for the cleanup.
        """

    def read(self, name: str, start: int, length: int) -> bytes:
        """So many bytes from `start`, all of them within what was kept. FileNotFoundError for an unknown name."""

    def read_if_cached(self, name: str, length: int) -> bytes | None:
        """In the event loop: the whole of it, if it can be had without waiting."""

    def delete(self, *names: str) -> None:
        """Forget the bytes; an unknown name is fine."""

    def sizes(self, before: datetime) -> Iterator[tuple[str, int]]:
        """The names of what was kept before that moment, and how many bytes each has."""
