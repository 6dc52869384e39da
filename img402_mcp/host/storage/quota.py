"""How much the host may keep. A full one takes no uploads and goes on serving what it has.

What is kept is summed up by the database every few seconds and not for each upload, so several workers together may
go over the limit by what they take meanwhile. Within one worker each upload counts from the moment it is taken on.

Nothing is refused once it is paid for: there must be room before the charge, and it is held until the row is there.
"""

import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock

from anyio import to_thread
from sqlalchemy import func, select

from img402_mcp.host.db.database import Database
from img402_mcp.host.errors import ApiError
from img402_mcp.host.sizes import exact_size
from img402_mcp.host.storage.images import IMAGES, PRIVATE

LIFE = timedelta(seconds=5)  # for which a sum holds; over a million rows it takes 0.3
RETRY_AFTER = 600
_NEVER = datetime.min.replace(tzinfo=UTC)


class StorageFull(ApiError):
    def __init__(self, why: str) -> None:
        message = f"The host is full ({why}) and accepts no uploads until there is room. Nothing was stored."
        super().__init__("storage_full", message, retry_after=RETRY_AFTER)


@dataclass(frozen=True)
class StoredUsage:
    """`kind` is free, paid, or private: submissions and inputs."""

    kind: str
    images: int
    size_bytes: int


def stored_usage(database: Database) -> list[StoredUsage]:
    """Blocks."""
    count, size = func.count(), func.coalesce(func.sum(IMAGES.c.size_bytes), 0)
    private = select(func.count(), func.coalesce(func.sum(PRIVATE.c.size_bytes), 0))
    with database.reading() as connection:
        public = connection.execute(select(IMAGES.c.paid, count, size).group_by(IMAGES.c.paid)).all()
        rows = {("paid" if paid else "free"): (images, size) for paid, images, size in public}
        rows["private"] = tuple(connection.execute(private).one())
    return [StoredUsage(kind, *map(int, rows.get(kind, (0, 0)))) for kind in ("free", "paid", "private")]


class Quota:
    """`most` bytes in all, None: no limit. `floor`: how many must stay free where bodies arrive."""

    def __init__(
        self, database: Database, folder: Path, most: int | None, floor: int, now: Callable[[], datetime]
    ) -> None:
        self._database, self._folder, self._most, self._floor, self._now = database, folder, most, floor, now
        self._summing, self._lock = Lock(), Lock()  # the second one never waits for the database
        self._sum, self._summed_at = 0, _NEVER
        self._added, self._in_flight = 0, 0  # kept since the sum began; on their way, without a row yet
        self._full, self._full_at = "", _NEVER

    def refuse_early(self) -> None:
        """Before a byte is read, by what was found a moment ago: asks neither disk nor database."""
        if self._is_fresh(self._full_at):
            raise StorageFull(self._full)

    def check(self, size: int) -> None:
        """Raises StorageFull where so many bytes have no room. Blocks."""
        self._sum_up()
        with self._lock:
            self._check(size)

    @contextmanager
    def hold(self, size: int, *, owed: bool = False) -> Iterator[None]:
        """Keeps so many bytes free for somebody while the block runs. To enter it blocks, to leave it does not.

        Raises StorageFull, unless they are owed: somebody has paid for them, or has our word.
        """
        if not owed:
            self._sum_up()
        with self._lock:
            if not owed:
                self._check(size)
            self._in_flight += size
        try:
            yield
        finally:
            with self._lock:
                self._in_flight -= size

    @contextmanager
    def room(self, size: int, *, owed: bool = False) -> Iterator[None]:
        """The same for bytes that have their row when the block ends; if it raises they were none."""
        with self.hold(size, owed=owed):
            yield
            self.add(size)

    def add(self, size: int) -> None:
        """They have their row now. Told before they are out of the hold that they had."""
        with self._lock:
            self._added += size

    def _sum_up(self) -> None:
        """What gets its row meanwhile may count twice until the next sum; it is never left out."""
        with self._summing:
            if self._most is None or self._is_fresh(self._summed_at):
                return
            added = self._added
            found = sum(it.size_bytes for it in stored_usage(self._database))
            with self._lock:
                self._sum, self._summed_at = found, self._now()
                self._added -= added

    def _check(self, size: int) -> None:
        if why := self._reason(size):
            if self._reason(1):  # and not only too full for a large one
                self._full, self._full_at = why, self._now()
            raise StorageFull(why)

    def _reason(self, size: int) -> str:
        if self._floor and shutil.disk_usage(self._folder).free - size < self._floor:
            return f"less than {exact_size(self._floor)} of its disk would be left"
        if self._most is not None and self._sum + self._added + self._in_flight + size > self._most:
            return f"it keeps at most {exact_size(self._most)}"
        return ""

    def _is_fresh(self, moment: datetime) -> bool:
        """Not before it either: a clock that was put back makes nothing last."""
        return timedelta() <= self._now() - moment < LIFE


@asynccontextmanager
async def held(room: AbstractContextManager[None]) -> AsyncIterator[None]:
    """A room, entered in a thread."""
    with ExitStack() as stack:
        await to_thread.run_sync(stack.enter_context, room)
        yield
