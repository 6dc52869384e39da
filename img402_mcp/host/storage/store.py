"""A received body becomes an image: bytes first, durably, then the row that makes them one."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from anyio import CapacityLimiter, to_thread

from img402_mcp.host.db.database import Database
from img402_mcp.host.db.plain import Transaction
from img402_mcp.host.errors import ApiError
from img402_mcp.host.storage.blobs.base import Blobs
from img402_mcp.host.storage.images import FREE_ID, PAID_ID, PRIVATE_ID, StoredImage, new_id
from img402_mcp.host.storage.receive import Incoming
from img402_mcp.host.storage.spool import Body
from img402_mcp.wire.img402 import FreeTerms, PaidTerms

# A year is a year also for a cache that asks some seconds after the upload: paid time is rounded up.
A_MINUTE = timedelta(minutes=1)
THREADS = 24  # that wait for a store at a time; more only wait for each other


@dataclass(frozen=True)
class PendingImage:
    """What a store is asked to keep. All parts run in its threads and may raise ApiError; then nothing is kept.

    `describe` examines the body, `insert` counts or redeems and adds the row, `room` is held until the row is there.
    """

    body: Body
    describe: Callable[[], StoredImage]
    insert: Callable[[Transaction, StoredImage], None]
    room: AbstractContextManager[None]


class Store(Protocol):
    async def put(self, upload: PendingImage) -> StoredImage:
        """When this returns, bytes and row survive a power cut, the bytes since before the row.

        A crash in between leaves bytes that nobody can reach and the cleanup takes.
        """

    def close(self) -> None:
        """What is in hand is finished; nothing more is taken."""


class ThreadedStore:
    """A store for any bytes and any database: a thread and a transaction for each upload.

    Its threads are its own, so that a store that hangs does not stop what needs none.
    """

    def __init__(self, blobs: Blobs, database: Database) -> None:
        self._blobs, self._database, self._threads = blobs, database, CapacityLimiter(THREADS)

    async def put(self, upload: PendingImage) -> StoredImage:
        return await to_thread.run_sync(self._put, upload, limiter=self._threads)

    def close(self) -> None:
        """Nothing runs beside the requests."""

    def _put(self, upload: PendingImage) -> StoredImage:
        with upload.room:
            image = upload.describe()
            self._blobs.put(image.name, upload.body.content)
            try:
                with self._database.transaction() as connection:
                    upload.insert(connection, image)
            except ApiError:
                # Only here is it certain that there is no row; after a lost connection the commit may have happened.
                self._blobs.delete(image.name)
                raise
        return image


def described(incoming: Incoming, now: datetime, terms: FreeTerms | PaidTerms, *, paid: bool = False) -> StoredImage:
    """The image that it will be. Blocks; raises ApiError for what is none."""
    form = incoming.examine().format  # only then is it known how long it is
    days = terms.days_for(incoming.size)
    created = now.replace(microsecond=now.microsecond // 1000 * 1000)
    expires = None if days is None else created + timedelta(days=days)
    if expires is not None and paid:
        expires = expires.replace(second=0, microsecond=0) + A_MINUTE
    if paid and not incoming.path.exists():  # a full disk is noticed before money moves
        raise FileNotFoundError("The body's file disappeared.")
    image_id = new_id(PAID_ID if paid else FREE_ID)
    return StoredImage(image_id, form, incoming.size, created, expires, paid)


def described_private(incoming: Incoming, now: datetime) -> StoredImage:
    """The same of an image that is kept forever and that only signed URLs show."""
    return StoredImage(new_id(PRIVATE_ID), incoming.examine().format, incoming.size, now, None)
