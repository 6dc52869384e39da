"""Rows: which images exist and until when. A row is what makes stored bytes an image.

SQLAlchemy Core, one code path for SQLite and PostgreSQL. Everything here blocks and is called in threads.
"""

import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Date,
    Dialect,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    TypeDecorator,
    create_engine,
    delete,
    event,
    insert,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.schema import CreateIndex, CreateTable

from img402_mcp.errors import SettingsError
from img402_mcp.formats import FORMATS, Format

_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
_ID_LENGTH = 13  # 67 random bits
_BY_EXTENSION = {form.extension: form for form in FORMATS}
_NAME = re.compile(rf"([a-z0-9]{{{_ID_LENGTH}}})\.({'|'.join(_BY_EXTENSION)})")


class Moment(TypeDecorator[datetime]):
    """Milliseconds since 1970, since SQLite has no moments of its own and forgets their zone."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - sqlalchemy's signature
        return None if value is None else round(value.timestamp() * 1000)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - sqlalchemy's signature
        return None if value is None else datetime.fromtimestamp(value / 1000, UTC)


METADATA = MetaData()
"""Of every table, those of other rooms too: they are there when the Index is made."""
_IMAGES = Table(
    "images",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("extension", String(8), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, index=True),
    Column("paid", Boolean, nullable=False),
)
_PRIVATE = Table(
    "private_images",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("extension", String(8), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("created_at", Moment, nullable=False),
)
"""Submissions and inputs: bytes like the others, but at no public address."""
_OWNING_BYTES = (_IMAGES, _PRIVATE)
DAILY_COUNTS = Table(
    "daily_counts",
    METADATA,
    Column("day", Date, primary_key=True),
    Column("who", String(64), primary_key=True),
    Column("uploads", Integer, nullable=False),
)


@dataclass(frozen=True)
class Image:
    """`expires_at` None: kept for ever."""

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
    return "".join(secrets.choice(_ALPHABET) for _ in range(_ID_LENGTH))


def parse_name(name: str) -> tuple[str, Format] | None:
    """`{id}.{extension}` by the one strict pattern, else None."""
    match = _NAME.fullmatch(name)
    return (match[1], _BY_EXTENSION[match[2]]) if match else None


# Both speak ON CONFLICT alike, but sqlalchemy has it on each dialect's own insert.
_INSERT: dict[str, Callable[[Table], sqlite.Insert | postgresql.Insert]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}


def insert_for(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An insert that can say ON CONFLICT: one statement, so that nothing slips between a look and a write."""
    return _INSERT[connection.dialect.name](table)


class Index:
    def __init__(self, url: URL) -> None:
        self._engine = _engine(url)
        # SQLite has one writer at a time and lets the others sleep and try; to queue is fairer and faster.
        self._turn: AbstractContextManager[object] = Lock() if self._engine.dialect.name == "sqlite" else nullcontext()
        with self._engine.begin() as connection:
            _create(connection)

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        with self._turn, self._engine.begin() as connection:
            yield connection

    def reading(self) -> AbstractContextManager[Connection]:
        return self._engine.connect()

    def check(self) -> None:
        """Raises if the rows cannot be reached."""
        with self._engine.connect() as connection:
            connection.execute(select(_IMAGES.c.id).limit(1))

    def add(self, connection: Connection, image: Image) -> None:
        connection.execute(
            insert(_IMAGES),
            {
                "id": image.id,
                "extension": image.format.extension,
                "size_bytes": image.size_bytes,
                "created_at": image.created_at,
                "expires_at": image.expires_at,
                "paid": image.paid,
            },
        )

    def find(self, image_id: str) -> Image | None:
        with self._engine.connect() as connection:
            row = connection.execute(select(_IMAGES).where(_IMAGES.c.id == image_id)).first()
        if row is None:
            return None
        return Image(row.id, _BY_EXTENSION[row.extension], row.size_bytes, row.created_at, row.expires_at, row.paid)

    def add_private(self, connection: Connection, image: Image) -> None:
        row = {"id": image.id, "extension": image.format.extension, "size_bytes": image.size_bytes}
        connection.execute(insert(_PRIVATE), row | {"created_at": image.created_at})

    def find_private(self, image_id: str) -> Image | None:
        with self._engine.connect() as connection:
            row = connection.execute(select(_PRIVATE).where(_PRIVATE.c.id == image_id)).first()
        return Image(row.id, _BY_EXTENSION[row.extension], row.size_bytes, row.created_at, None) if row else None

    def remove_expired(self, now: datetime, at_most: int) -> Sequence[str]:
        """The rows are gone when this returns; the names are those of the bytes that nobody can reach any more."""
        expired = select(_IMAGES).where(_IMAGES.c.expires_at <= now).limit(at_most)
        with self.transaction() as connection:
            rows = connection.execute(expired).all()
            connection.execute(delete(_IMAGES).where(_IMAGES.c.id.in_([row.id for row in rows])))
        return [f"{row.id}.{row.extension}" for row in rows]

    def unknown(self, names: Iterable[str]) -> set[str]:
        """Those of the names that no row makes an image."""
        by_id = {name.partition(".")[0]: name for name in names}
        with self._engine.connect() as connection:
            for table in _OWNING_BYTES:
                for image_id in connection.execute(select(table.c.id).where(table.c.id.in_(by_id))).scalars().all():
                    del by_id[image_id]
        return set(by_id.values())


def _engine(url: URL) -> Engine:
    try:
        # An error's text goes to the log: the values of its statement stay out of it.
        engine = create_engine(url, hide_parameters=True)
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"IMG402_HOST_DATABASE asks for {url.drivername}, whose driver is not installed: "
            f"run `pip install {error.name}`, or name another, such as postgresql+psycopg."
        ) from None
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    """All that is SQLite's own. FULL: an upload that was answered survives a power cut (0.2 ms more)."""
    cursor = connection.cursor()
    for pragma in ("busy_timeout = 30000", "journal_mode = WAL", "synchronous = FULL"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _create(connection: Connection) -> None:
    """IF NOT EXISTS in the statement itself, since several workers start at once."""
    for table in METADATA.sorted_tables:
        connection.execute(CreateTable(table, if_not_exists=True))
        for index in table.indexes:
            connection.execute(CreateIndex(index, if_not_exists=True))
