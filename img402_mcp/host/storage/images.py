"""The rows of images: which exist and until when. A row is what makes stored bytes an image.

Everything here blocks and is called in threads.
"""

import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, Boolean, Column, Connection, String, Table, bindparam, delete, insert, select

from img402_mcp.formats import FORMATS, Format
from img402_mcp.host.db.database import METADATA, Database, Moment, moment_of

_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
_ID_LENGTH = 13  # 67 random bits
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


@dataclass(frozen=True)
class StoredImage:
    """`expires_at` None: kept forever."""

    id: str
    format: Format
    size_bytes: int
    created_at: datetime
    expires_at: datetime | None
    paid: bool = False

    @property
    def name(self) -> str:
        return f"{self.id}.{self.format.extension}"


def new_id() -> str:
    """Drawn at once: to ask the system for each letter costs more than all the rest of a row."""
    number, letters = secrets.randbelow(len(_ALPHABET) ** _ID_LENGTH), []
    for _ in range(_ID_LENGTH):
        number, letter = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[letter])
    return "".join(letters)


def parse_name(name: str) -> tuple[str, Format] | None:
    """`{id}.{extension}` by the one strict pattern, else None."""
    match = _NAME.fullmatch(name)
    return (match[1], _BY_EXTENSION[match[2]]) if match else None


class Images:
    def __init__(self, database: Database) -> None:
        self.database = database
        self._find = select(IMAGES).where(IMAGES.c.id == bindparam("id")).compile(dialect=database.dialect)

    def check(self) -> None:
        """Raises if the rows cannot be reached."""
        with self.database.reading() as connection:
            connection.execute(select(IMAGES.c.id).limit(1))

    def add(self, connection: Connection, image: StoredImage) -> None:
        connection.execute(
            insert(IMAGES),
            {
                "id": image.id,
                "extension": image.format.extension,
                "size_bytes": image.size_bytes,
                "created_at": image.created_at,
                "expires_at": image.expires_at,
                "paid": image.paid,
            },
        )

    def find(self, image_id: str) -> StoredImage | None:
        """Its statement was compiled beforehand, since sqlalchemy's ways around it take twice as long as it does."""
        with self.database.reading() as connection:
            values = (image_id,) if self._find.positional else {"id": image_id}
            row = connection.exec_driver_sql(str(self._find), values).first()
        if row is None:
            return None
        _, extension, size, created, expires, paid = row
        return StoredImage(
            image_id, _BY_EXTENSION[extension], size, moment_of(created), expires and moment_of(expires), bool(paid)
        )

    def remove(self, image_id: str) -> Sequence[str]:
        """Whatever it is for. The name of the bytes that nobody can reach any more, if there was such a row."""
        with self.database.transaction() as connection:
            gone = [connection.execute(delete(t).where(t.c.id == image_id).returning(t)).all() for t in _OWNING_BYTES]
        return [f"{row.id}.{row.extension}" for rows in gone for row in rows]

    def add_private(self, connection: Connection, image: StoredImage) -> None:
        row = {"id": image.id, "extension": image.format.extension, "size_bytes": image.size_bytes}
        connection.execute(insert(PRIVATE), row | {"created_at": image.created_at})

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
