"""The store for a folder and SQLite, where one sync and one commit serve many uploads."""

from asyncio import Future, get_running_loop
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from os import fsync
from typing import Any, cast

from anyio import CancelScope

from img402_mcp.host.db.plain import PlainDatabase, PlainTransaction
from img402_mcp.host.storage.blobs.folder import Folder
from img402_mcp.host.storage.images import StoredImage
from img402_mcp.host.storage.store import PendingImage

TOGETHER = 32  # in a batch, so that its first upload does not wait long for its last
SYNCS = 8  # at the same time: those that meet share the file system's commit and the disk's flush

Steps = Generator[None, PlainTransaction | None, StoredImage]


class BatchedStore:
    """One thread writes the files of all uploads that wait, has them synced, and commits their rows.

    Each further thread that works for an upload would only take the interpreter from the event loop once more.
    """

    def __init__(self, folder: Folder, database: PlainDatabase) -> None:
        self._folder, self._database = folder, database
        self._writer, self._syncers = ThreadPoolExecutor(1, "writer"), ThreadPoolExecutor(SYNCS, "sync")
        self.waiting: deque[_Upload] = deque()

    async def put(self, pending: PendingImage) -> StoredImage:
        upload = _Upload(self._steps(pending), get_running_loop().create_future())
        self.waiting.append(upload)
        if len(self.waiting) == 1:  # otherwise the thread is already called, and takes this one too
            self._writer.submit(self._store_all)
        with CancelScope(shield=True):  # the body is in the threads' hands
            await upload.stored
        return upload.stored.result()

    def close(self) -> None:
        self._writer.shutdown()
        self._syncers.shutdown()

    def _steps(self, pending: PendingImage) -> Steps:
        """One upload's way. At each `yield` it waits for the others of its batch."""
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

    def _store_all(self) -> None:
        """There may be none left: the call before took what came meanwhile."""
        while batch := [*self._written()]:
            if written := [upload for upload in batch if upload.end is None]:
                self._commit(written)
            batch[0].stored.get_loop().call_soon_threadsafe(_end, batch)

    def _written(self) -> "Iterator[_Upload]":
        """Those that wait, and those that come while they are written."""
        for _ in range(TOGETHER):
            if self.waiting:
                upload = self.waiting.popleft()
                _go_on([upload])
                yield upload

    def _commit(self, batch: "Sequence[_Upload]") -> None:
        """A file that fails, or an upload that is refused, costs the others nothing."""
        try:
            self._sync(batch)
            with self._database.transaction() as transaction:
                _go_on(batch, transaction)
        except BaseException as error:  # noqa: BLE001  # raised again in each request
            for upload in batch:
                upload.go(upload.steps.throw, error)
        _go_on(batch)

    def _sync(self, batch: "Sequence[_Upload]") -> None:
        """Files and their names."""
        synced = self._syncers.map(_go_on, (batch[first::SYNCS] for first in range(min(SYNCS, len(batch)))))
        try:
            self._folder.sync_names()
        finally:
            list(synced)


class _Upload:
    """An upload in a batch, the future of its request, and what will end that."""

    def __init__(self, steps: Steps, stored: "Future[StoredImage]") -> None:
        self.steps, self.stored = steps, stored
        self.end: Callable[[], None] | None = None

    def go(self, step: Callable[[Any], None], argument: object) -> None:
        """One step on, unless it has ended."""
        if self.end is None:
            try:
                step(argument)
            except StopIteration as done:
                self.end = partial(self.stored.set_result, done.value)
            except BaseException as error:  # noqa: BLE001  # raised again in its request
                self.end = partial(self.stored.set_exception, error)


def _go_on(batch: Sequence[_Upload], transaction: PlainTransaction | None = None) -> None:
    for upload in batch:
        upload.go(upload.steps.send, transaction)


def _end(batch: Sequence[_Upload]) -> None:
    """In the event loop."""
    for upload in batch:
        if upload.end is not None and not upload.stored.done():  # done: its request was cancelled
            upload.end()
