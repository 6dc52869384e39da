"""The store for a folder and SQLite, where one sync serves many uploads.

More threads that write or commit would only wait for each other: for SQLite, and for the interpreter.
"""

from asyncio import AbstractEventLoop, Future, get_running_loop, wait
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from os import fsync
from typing import Any, cast

from anyio import CancelScope

from img402_mcp.host.db.database import Database
from img402_mcp.host.db.plain import PlainTransaction
from img402_mcp.host.storage.blobs.folder import Folder
from img402_mcp.host.storage.images import StoredImage
from img402_mcp.host.storage.store import PendingImage

TOGETHER = 64  # files a commit, so that the first of them does not wait long for the last
SYNCS = 8  # at once: those that meet share the file system's commit and the disk's flush; a thread in one only waits

Steps = Generator[None, PlainTransaction | None, StoredImage]


class BatchedStore:
    """One thread writes each file as its upload comes, some sync them, one commits all that were synced meanwhile."""

    def __init__(self, folder: Folder, database: Database) -> None:
        self._folder, self._database = folder, database
        self._writer, self._committer = ThreadPoolExecutor(1, "writer"), ThreadPoolExecutor(1, "committer")
        self._syncers = ThreadPoolExecutor(SYNCS, "sync")
        self.waiting: deque[_Waiter] = deque()
        """For the next commit."""

    async def put(self, pending: PendingImage) -> StoredImage:
        loop = get_running_loop()
        waiter = _Waiter(self._steps(pending), loop.create_future())
        self._writer.submit(self._write, waiter, loop)
        with CancelScope(shield=True):  # the body is in the threads' hands
            await wait([waiter.stored])
        return waiter.stored.result()

    def close(self) -> None:
        for threads in (self._writer, self._syncers, self._committer):
            threads.shutdown()

    def _steps(self, pending: PendingImage) -> Steps:
        """One upload's way. At each `yield` another thread takes over."""
        with pending.room:
            image = pending.describe()
            with self._folder.writing(image.name, pending.body.content) as descriptor:
                yield
                fsync(descriptor)
                transaction = cast("PlainTransaction", (yield))
                with transaction.savepoint():
                    pending.insert(transaction, image)
            # From here on the bytes stay: a commit that failed may have happened.
            yield
        return image

    def _write(self, waiter: "_Waiter", loop: AbstractEventLoop) -> None:
        waiter.go(waiter.steps.send, None)
        self._syncers.submit(self._sync, waiter, loop)

    def _sync(self, waiter: "_Waiter", loop: AbstractEventLoop) -> None:
        waiter.go(waiter.steps.send, None)
        self.waiting.append(waiter)
        self._committer.submit(self._commit_some, loop)

    def _commit_some(self, loop: AbstractEventLoop) -> None:
        """There may be none left: the commit before took them."""
        if batch := [self.waiting.popleft() for _ in range(min(TOGETHER, len(self.waiting)))]:
            self._commit(batch)
            loop.call_soon_threadsafe(_tell, batch)

    def _commit(self, batch: Sequence["_Waiter"]) -> None:
        """A file that fails, or an upload that is refused, costs the others nothing."""
        try:
            if any(waiter.goes_on for waiter in batch):
                self._folder.sync_names()
                with self._database.plain_transaction() as transaction:
                    for waiter in batch:
                        waiter.go(waiter.steps.send, transaction)
        except BaseException as error:  # noqa: BLE001  # raised again in each request
            for waiter in batch:
                waiter.go(waiter.steps.throw, error)
        for waiter in batch:
            waiter.go(waiter.steps.send, None)


class _Waiter:
    """An upload in a batch, and the future of its request."""

    def __init__(self, steps: Steps, stored: "Future[StoredImage]") -> None:
        self.steps, self.stored = steps, stored
        self._end: Callable[[], None] | None = None

    @property
    def goes_on(self) -> bool:
        return self._end is None

    def go(self, step: Callable[[Any], None], argument: object) -> None:
        """One step on, unless it has ended."""
        if self.goes_on:
            try:
                step(argument)
            except StopIteration as done:
                self._end = partial(self.stored.set_result, done.value)
            except BaseException as error:  # noqa: BLE001  # raised again in its request
                self._end = partial(self.stored.set_exception, error)

    def tell(self) -> None:
        """In the event loop."""
        if self._end is not None and not self.stored.done():  # done: its request was cancelled
            self._end()


def _tell(batch: Sequence[_Waiter]) -> None:
    for waiter in batch:
        waiter.tell()
