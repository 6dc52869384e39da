"""What is past its time goes: first the row, then the bytes, so that no row is ever without them."""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice

import anyio
from anyio import to_thread
from sqlalchemy.exc import SQLAlchemyError

from img402_mcp.host.blobs.base import Blobs
from img402_mcp.host.hourly import forget_hours_before
from img402_mcp.host.index import Index, parse_name
from img402_mcp.host.limits import forget_days_before
from img402_mcp.host.state import Host

BATCH = 100  # a short transaction, so that uploads do not wait for it
EVERY_SECONDS = 60
ROUNDS_BETWEEN_TIDYING = 60
# Bytes without a row may be an upload that has not come to its row yet; none takes an hour from one to the other.
GRACE = timedelta(hours=1)

_log = logging.getLogger("img402_mcp.host.sweep")


async def sweep_for_ever(host: Host) -> None:
    rounds = 0
    while True:
        try:
            await to_thread.run_sync(sweep, host.index, host.blobs, host.now())
            if rounds % ROUNDS_BETWEEN_TIDYING == 0:
                await to_thread.run_sync(tidy, host.index, host.blobs, host.now())
        except (OSError, SQLAlchemyError):
            _log.exception("the sweep failed and will be tried again")
        rounds += 1
        await anyio.sleep(EVERY_SECONDS)


def sweep(index: Index, blobs: Blobs, now: datetime) -> None:
    """Expired images. Stopped anywhere, it leaves at worst bytes without a row."""
    while names := index.remove_expired(now, BATCH):
        for name in names:
            blobs.drop(name)


def tidy(index: Index, blobs: Blobs, now: datetime) -> None:
    """What crashes left behind, and counts of the past. Whatever is not named like an image is not ours."""
    blobs.clear_spool(now - GRACE)
    for names in _batches(filter(parse_name, blobs.names(now - GRACE))):
        for name in index.unknown(names):
            blobs.drop(name)
    with index.transaction() as connection:
        forget_days_before(connection, now.date())
        forget_hours_before(connection, now)


def _batches(names: Iterator[str]) -> Iterator[list[str]]:
    while batch := list(islice(names, BATCH)):
        yield batch
