"""The rows of images: which exist and until when. A row is what makes stored bytes an image.

Everything here but `at_hand` blocks and is called in threads.
"""

import re
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, String, Table, bindparam, delete, insert, select, type_coerce

from img402_mcp.formats import FORMATS, Format
from img402_mcp.host.db.database import METADATA, Database, Moment, moment_of
from img402_mcp.host.db.plain import Transaction
from img402_mcp.host.storage.cache import RecentRows

_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
_ID_LENGTH = 13  # 67 random bits; 62 behind a first letter that says something
# What an id begins with says how long its image lives, so that rules of a bucket or of an edge can tell.
FREE_ID, PAID_ID, PRIVATE_ID = "f", "p", "x"
_BY_EXTENSION = {form.extension: form for form in FORMATS}
_NAME = re.compile(rf"([a-z0-9]{{{_ID_LENGTH}}})\.({'|'.join(_BY_EXTENSION)})")

IMAGES = Table(
    "images",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("extension", String(8), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, index=True),
    Column("paid", Boolean, nullable=False),
)
PRIVATE = Table(
    "private_images",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("extension", String(8), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("created_at", Moment, nullable=False),
)
"""Submissions and inputs: bytes like the others, but at no public address."""
_OWNING_BYTES = (IMAGES, PRIVATE)
_ADD, _ADD_PRIVATE = insert(IMAGES), insert(PRIVATE)
# Moments as the numbers that they are kept as, on SQLAlchemy's way too.
_FIND = select(
    *(IMAGES.c[name] for name in ("id", "extension", "size_bytes")),
    *(type_coerce(IMAGES.c[name], BigInteger) for name in ("created_at", "expires_at")),
    IMAGES.c.paid,
).where(IMAGES.c.id == bindparam("image_id"))


@dataclass(frozen=True)
class StoredImage:
    """`expires_at` None: kept forever."""

    id: str
    format: Format
    size_bytes: int
    created_at: datetime
    expires_at: datetime | None
    paid: bool = False

    @cached_property
    def name(self) -> str:
        return f"{self.id}.{self.format.extension}"


def new_id(first: str = "") -> str:
    """Drawn at once: to ask the system for each letter costs more than all the rest of a row."""
    length, letters = _ID_LENGTH - len(first), [first]
    number = secrets.randbelow(len(_ALPHABET) ** length)
    for _ in range(length):
        number, letter = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[letter])
    return "".join(letters)


def parse_name(name: str) -> tuple[str, Format] | None:
    """`{id}.{extension}` by the one strict pattern, else None."""
    match = _NAME.fullmatch(name)
    return (match[1], _BY_EXTENSION[match[2]]) if match else None


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Images:
    def __init__(self, database: Database, now: Callable[[], datetime] = _utc_now) -> None:
        self.database = database
        self._recent = RecentRows[StoredImage](now)

    def check(self) -> None:
        """Raises if the rows cannot be reached."""
        with self.database.reading() as connection:
            connection.execute(select(IMAGES.c.id).limit(1))

    def add(self, transaction: Transaction, image: StoredImage) -> None:
        transaction.execute(_ADD, _row(image) | {"expires_at": image.expires_at, "paid": image.paid})

    def at_hand(self, image_id: str) -> StoredImage | None:
        """In the event loop: the image, if that can be said without waiting. None may mean both."""
        found = self._recent.get(image_id)
        if found is None:
            since = self._recent.deletions
            found = self._remembered(self.database.look_up(_FIND, {"image_id": image_id}) or (), since)
        return found

    def find(self, image_id: str) -> StoredImage | None:
        since = self._recent.deletions
        with self.database.reading() as connection:
            return self._remembered(connection.execute(_FIND, {"image_id": image_id}).all(), since)

    def _remembered(self, rows: Sequence[Sequence[Any]], since: int) -> StoredImage | None:
        for row in rows:
            image = _image(row)
            self._recent.put(image.id, image, since)
            return image
        return None

    def remove(self, image_id: str) -> Sequence[str]:
        """Whatever it is for. The name of the bytes that nobody can reach any more, if there was such a row."""
        with self.database.transaction() as connection:
            gone = [connection.execute(delete(t).where(t.c.id == image_id).returning(t)).all() for t in _OWNING_BYTES]
        self._recent.forget(image_id)
        return [f"{row.id}.{row.extension}" for rows in gone for row in rows]

    def add_private(self, transaction: Transaction, image: StoredImage) -> None:
        transaction.execute(_ADD_PRIVATE, _row(image))

    def find_private(self, image_id: str) -> StoredImage | None:
        with self.database.reading() as connection:
            row = connection.execute(select(PRIVATE).where(PRIVATE.c.id == image_id)).first()
        return StoredImage(row.id, _BY_EXTENSION[row.extension], row.size_bytes, row.created_at, None) if row else None

    def remove_expired(self, now: datetime, at_most: int) -> Sequence[str]:
        """The rows are gone when this returns; the names are those of the bytes that nobody can reach any more.

        Rows that another worker is removing are left to it.
        """
        expired = select(IMAGES).where(IMAGES.c.expires_at <= now).limit(at_most).with_for_update(skip_locked=True)
        with self.database.transaction() as connection:
            rows = connection.execute(expired).all()
            connection.execute(delete(IMAGES).where(IMAGES.c.id.in_([row.id for row in rows])))
        return [f"{row.id}.{row.extension}" for row in rows]

    def unknown(self, names: Iterable[str]) -> set[str]:
        """Those of the names that no row makes an image."""
        by_id = {name.partition(".")[0]: name for name in names}
        with self.database.reading() as connection:
            for table in _OWNING_BYTES:
                for image_id in connection.execute(select(table.c.id).where(table.c.id.in_(by_id))).scalars().all():
                    del by_id[image_id]
        return set(by_id.values())


def _image(row: Sequence[Any]) -> StoredImage:
    image_id, extension, size, created, expires, paid = row
    kept_until = None if expires is None else moment_of(expires)
    return StoredImage(image_id, _BY_EXTENSION[extension], size, moment_of(created), kept_until, bool(paid))


def _row(image: StoredImage) -> dict[str, Any]:
    return {
        "id": image.id,
        "extension": image.format.extension,
        "size_bytes": image.size_bytes,
        "created_at": image.created_at,
    }
