"""How much the host may keep. A full one takes no uploads and goes on serving what it has.

What is kept is summed up by the database every few seconds and not for each upload, so several workers together may
go over the limit by what they take meanwhile. Within one worker each upload counts at once.
"""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock

from sqlalchemy import func, select

from img402_mcp.host.blobs.base import Blobs
from img402_mcp.host.index import IMAGES, PRIVATE, Index
from img402_mcp.host.refusals import Refused, in_words

LIFE = timedelta(seconds=5)  # for which a sum holds; over a million rows it takes 0.3
RETRY_AFTER = 600
_NEVER = datetime.min.replace(tzinfo=UTC)


class StorageFull(Refused):
    def __init__(self, why: str) -> None:
        message = f"The host is full ({why}) and takes no uploads until there is room. Nothing was stored."
        super().__init__("storage_full", message, retry_after=RETRY_AFTER)


@dataclass(frozen=True)
class Kept:
    """`kind` is free, paid, or private: submissions and inputs."""

    kind: str
    images: int
    size_bytes: int


def kept(index: Index) -> list[Kept]:
    """Blocks."""
    count, size = func.count(), func.coalesce(func.sum(IMAGES.c.size_bytes), 0)
    private = select(func.count(), func.coalesce(func.sum(PRIVATE.c.size_bytes), 0))
    with index.reading() as connection:
        public = connection.execute(select(IMAGES.c.paid, count, size).group_by(IMAGES.c.paid)).all()
        rows = {("paid" if paid else "free"): (images, size) for paid, images, size in public}
        rows["private"] = tuple(connection.execute(private).one())
    return [Kept(kind, *map(int, rows.get(kind, (0, 0)))) for kind in ("free", "paid", "private")]


class Quota:
    """`most` bytes in all, None: no limit. `floor`: how many must stay free where bodies arrive."""

    def __init__(self, index: Index, folder: Path, most: int | None, floor: int, now: Callable[[], datetime]) -> None:
        self._index, self._folder, self._most, self._floor, self._now = index, folder, most, floor, now
        self._lock = Lock()
        self._sum, self._summed_at = 0, _NEVER
        self._full, self._full_at = "", _NEVER

    def refuse_early(self) -> None:
        """Before a byte is read, by what was found a moment ago: asks neither disk nor database."""
        if self._is_fresh(self._full_at):
            raise StorageFull(self._full)

    def check(self, size: int = 1) -> None:
        """Raises StorageFull where so many bytes have no room. Blocks."""
        with self._lock:
            self._check(size)

    def take(self, size: int) -> None:
        """The same, and counts them. Blocks."""
        with self._lock:
            self._check(size)
            self._sum += size

    def _check(self, size: int) -> None:
        if why := self._reason(size):
            if self._reason(1):  # and not only too full for a large one
                self._full, self._full_at = why, self._now()
            raise StorageFull(why)

    def _reason(self, size: int) -> str:
        if self._floor and shutil.disk_usage(self._folder).free - size < self._floor:
            return f"less than {in_words(self._floor)} of its disk would be left"
        if self._most is not None and self._kept() + size > self._most:
            return f"it keeps at most {in_words(self._most)}"
        return ""

    def _kept(self) -> int:
        if not self._is_fresh(self._summed_at):
            self._sum, self._summed_at = sum(it.size_bytes for it in kept(self._index)), self._now()
        return self._sum

    def _is_fresh(self, moment: datetime) -> bool:
        """Not before it either: a clock that was put back makes nothing last."""
        return timedelta() <= self._now() - moment < LIFE


class Bounded:
    """A store that keeps nothing beyond the quota."""

    def __init__(self, blobs: Blobs, quota: Quota) -> None:
        self.unbounded, self._quota = blobs, quota

    @property
    def spool(self) -> Path:
        return self.unbounded.spool

    def keep(self, name: str, file: Path) -> None:
        """Raises StorageFull too."""
        self._quota.take(file.stat().st_size)
        self.unbounded.keep(name, file)

    def read(self, name: str, start: int, length: int) -> bytes:
        return self.unbounded.read(name, start, length)

    def drop(self, *names: str) -> None:
        self.unbounded.drop(*names)

    def names(self, before: datetime) -> Iterator[str]:
        return self.unbounded.names(before)

    def sizes(self, before: datetime) -> Iterator[tuple[str, int]]:
        return self.unbounded.sizes(before)

    def clear_spool(self, before: datetime) -> None:
        self.unbounded.clear_spool(before)
