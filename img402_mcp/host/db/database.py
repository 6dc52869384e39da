"""One database for all the host's rows: transactions and look-ups, on SQLite and on PostgreSQL alike.

SQLAlchemy Core, one code path for both. Everything here blocks and is called in threads.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from threading import Lock
from typing import Any

from sqlalchemy import BigInteger, Connection, Dialect, MetaData, TypeDecorator
from sqlalchemy.engine import URL
from sqlalchemy.sql.expression import Executable

from img402_mcp.host.db.engine import SQLITE, open_engine
from img402_mcp.host.db.plain import PlainDatabase, Values
from img402_mcp.host.db.schema import prepare


class Moment(TypeDecorator[datetime]):
    """Milliseconds since 1970, since SQLite has no moments of its own and forgets their zone."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - sqlalchemy's signature
        return None if value is None else round(value.timestamp() * 1000)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - sqlalchemy's signature
        return None if value is None else moment_of(value)


def moment_of(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


METADATA = MetaData()
"""Of every table, those of other rooms too: they are there when the Database is opened."""


class Database:
    """Holds no connection before the first transaction or look-up, so that a start that fails leaves none behind."""

    def __init__(self, url: URL) -> None:
        self._engine, self._closed = open_engine(url), False
        alone = self._engine.dialect.name == SQLITE
        # SQLite has one writer at a time and lets the others sleep and try; to queue is fairer and faster.
        self._turn: AbstractContextManager[object] = Lock() if alone else nullcontext()
        path, timeout = str(url.database), self._engine.url.query.get("timeout", "0")
        self.plain = PlainDatabase(path, self._turn, float(str(timeout))) if alone and "uri" not in url.query else None
        # Over a network a look-up is one round trip, and not three with BEGIN and ROLLBACK around it.
        self._looking = self._engine if alone else self._engine.execution_options(isolation_level="AUTOCOMMIT")
        try:
            prepare(self._engine, METADATA)
        finally:
            self._engine.dispose()

    def close(self) -> None:
        """A connection that a thread still works with is closed as soon as the thread is done with it."""
        self._closed = True
        if self.plain is not None:
            self.plain.close()
        self._close_idle()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        with self._turn, self._returning(self._engine.begin()) as connection:
            yield connection

    def look_up(self, statement: Executable, parameters: Values) -> Sequence[Sequence[Any]] | None:
        """In the event loop. None: not to be had without waiting, as on PostgreSQL."""
        return None if self.plain is None else self.plain.look_up(statement, parameters)

    def reading(self) -> AbstractContextManager[Connection]:
        return self._returning(self._looking.connect())

    def first(self, query: Executable) -> Any:  # noqa: ANN401  # a row of any columns
        """Of what the query finds; None where that is nothing."""
        with self.reading() as connection:
            return connection.execute(query).first()

    def change(self, statement: Executable) -> Any:  # noqa: ANN401  # a row of any columns
        """In a transaction of its own. Returns the first row that it returns, if any."""
        with self.transaction() as connection:
            result = connection.execute(statement)
            return result.first() if result.returns_rows else None

    @contextmanager
    def _returning(self, connected: AbstractContextManager[Connection]) -> Iterator[Connection]:
        try:
            with connected as connection:
                yield connection
        finally:
            if self._closed:
                self._close_idle()

    def _close_idle(self) -> None:
        """Those in the pool, which stays the same one: a new pool would know nothing of connections still in use."""
        self._engine.pool.dispose()
