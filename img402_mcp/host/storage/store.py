"""A received file becomes an image: bytes first, durably, then the row that makes them one."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection

from img402_mcp.host.db.database import Database
from img402_mcp.host.db.group_commit import Write
from img402_mcp.host.errors import ApiError
from img402_mcp.host.storage.blobs.base import Blobs
from img402_mcp.host.storage.images import Images, StoredImage, new_id
from img402_mcp.host.storage.receive import Incoming
from img402_mcp.host.storage.spool import Body

# A year is a year also for a cache that asks some seconds after the upload: paid time is rounded up.
A_MINUTE = timedelta(minutes=1)

Admit = Callable[[Connection], None]
"""Counts or redeems inside the transaction that adds the row; raises ApiError where nothing may be added."""


def store_upload(  # noqa: PLR0913 - one hop to a thread carries all it needs
    blobs: Blobs, images: Images, incoming: Incoming, *, admit: Admit, now: datetime, days: int | None
) -> StoredImage:
    """Blocks. A crash between bytes and row leaves bytes that nobody can reach and the cleanup takes."""
    image = described(incoming, now, days)
    store(blobs, images, incoming.body, image, admit)
    return image


def described(incoming: Incoming, now: datetime, days: int | None, *, paid: bool = False) -> StoredImage:
    """The image that it will be. Blocks; raises ApiError for what is none."""
    created = now.replace(microsecond=now.microsecond // 1000 * 1000)
    expires = None if days is None else created + timedelta(days=days)
    if expires is not None and paid:
        expires = expires.replace(second=0, microsecond=0) + A_MINUTE
    if paid and not incoming.path.exists():  # a full disk is noticed before money moves
        raise FileNotFoundError("The body's file vanished.")
    return StoredImage(new_id(), incoming.examine().format, incoming.size, created, expires, paid)


def store(blobs: Blobs, images: Images, file: Path | Body, image: StoredImage, admit: Admit) -> None:
    """Blocks. The file is the store's afterwards."""

    def write(connection: Connection) -> None:
        admit(connection)
        images.add(connection, image)

    store_bytes(blobs, images.database, file, image.name, write)


def store_bytes(blobs: Blobs, database: Database, file: Path | Body, name: str, write: Write) -> None:
    """Blocks. The file is the store's afterwards; `write` makes the row that owns the name."""
    if isinstance(file, Body):
        file.put_in(blobs, name)
    else:
        blobs.put_file(name, file)
    try:
        database.together(write)
    except ApiError:
        # Only here is it certain that there is no row; after a lost connection the commit may have happened.
        blobs.delete(name)
        raise
