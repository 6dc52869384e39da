"""Removes expired images: first the row, then the bytes, so that no row is ever without its bytes."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

import anyio
from anyio import to_thread
from sqlalchemy import Column, String, Table

from img402_mcp.host.context import Host
from img402_mcp.host.db.database import METADATA, Database, Moment
from img402_mcp.host.db.engine import insert_for
from img402_mcp.host.errors import OUT_OF_REACH
from img402_mcp.host.rate_limits import forget_counts_before
from img402_mcp.host.storage.blobs.base import Blobs
from img402_mcp.host.storage.images import Images, parse_name
from img402_mcp.host.storage.spool import clear

BATCH = 100  # a short transaction, so that uploads do not wait for it
ROUND = timedelta(minutes=1)
# A little less than 60 rounds, so that the sixtieth does not just miss it.
ORPHANS_EVERY = timedelta(minutes=59)
# Bytes without a row may be an upload whose row is not written yet; no upload takes an hour for that.
GRACE = timedelta(hours=1)

_TURNS = Table(
    "chores",
    METADATA,
    Column("name", String(32), primary_key=True),
    Column("due_at", Moment, nullable=False),
)
_log = logging.getLogger("img402_mcp.host.cleanup")


@dataclass(frozen=True)
class CleanupReport:
    """How many images were removed, and how many bytes without a row."""

    expired: int = 0
    orphans: int = 0


async def clean_up_periodically(host: Host, report: Callable[[CleanupReport], None]) -> None:
    """Each worker asks every minute, and one of them gets the turn. Each worker cleans its own spool."""
    while True:
        try:
            report(await to_thread.run_sync(_round, host.images, host.blobs, host.now()))
        except OUT_OF_REACH:
            _log.exception("the cleanup failed and will be tried again")
        await anyio.sleep(ROUND.total_seconds())


def _round(images: Images, blobs: Blobs, now: datetime) -> CleanupReport:
    clear(blobs.spool, now - GRACE)
    expired = remove_expired_images(images, blobs, now) if claim_turn(images.database, "sweep", now, ROUND) else 0
    orphans = remove_orphans(images, blobs, now) if claim_turn(images.database, "tidy", now, ORPHANS_EVERY) else 0
    return CleanupReport(expired, orphans)


def claim_turn(database: Database, name: str, now: datetime, every: timedelta) -> bool:
    """Whether it is due: of all workers of all hosts the first one that asks is to do it, by a single statement."""
    with database.transaction() as connection:
        row = insert_for(connection, _TURNS).values(name=name, due_at=now + every)
        taken = row.on_conflict_do_update(
            index_elements=[_TURNS.c.name], set_={"due_at": now + every}, where=_TURNS.c.due_at <= now
        ).returning(_TURNS.c.name)
        return connection.execute(taken).first() is not None


def remove_expired_images(images: Images, blobs: Blobs, now: datetime) -> int:
    """Removes expired images and returns how many. Interrupted anywhere, it leaves at worst bytes without a row."""
    removed = 0
    while names := images.remove_expired(now, BATCH):
        blobs.delete(*names)
        removed += len(names)
    return removed


def remove_orphans(images: Images, blobs: Blobs, now: datetime) -> int:
    """Removes what crashes left behind, and old counts. A file that is not named like an image is not ours."""
    clear(blobs.spool, now - GRACE)
    removed = 0
    for names in _batches(name for name, _ in blobs.sizes(now - GRACE) if parse_name(name)):
        orphans = images.unknown(names)
        blobs.delete(*orphans)
        removed += len(orphans)
    with images.database.transaction() as connection:
        forget_counts_before(connection, now)
    return removed


def _batches(names: Iterator[str]) -> Iterator[list[str]]:
    while batch := list(islice(names, BATCH)):
        yield batch
