"""SQLAlchemy's statements on SQLite's own driver.

SQLAlchemy's layers take several times as long as a small statement. Where the host is busiest they are left out: the
same statements are compiled once and run on the driver's connection. Rows hold what SQLite holds: a moment is a number.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.expression import Executable

from img402_mcp.host.db.engine import file_identity, is_broken

if TYPE_CHECKING:
    from sqlalchemy.sql.compiler import SQLCompiler

Values = Mapping[str, Any]
_DIALECT = sqlite.dialect()


class Transaction(Protocol):
    """SQLAlchemy's Connection is one."""

    def execute(self, statement: Executable, parameters: Values, /) -> Iterable[Sequence[Any]]:
        """The rows that it returns. A statement is a constant of its module: what is compiled is kept for good."""


class PlainTransaction:
    """`error` is the driver's last one."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.error: sqlite3.Error | None = None

    def execute(self, statement: Executable, parameters: Values, /) -> Sequence[Sequence[Any]]:
        try:
            return _rows(self._connection, statement, parameters)
        except sqlite3.Error as error:
            raise self._failure(error) from error

    @contextmanager
    def committing(self) -> Iterator[None]:
        """What the block writes is committed, or rolled back if it raises."""
        try:
            with self._connection:
                self._connection.execute("BEGIN IMMEDIATE")
                yield
                if not self._connection.in_transaction:
                    raise sqlite3.OperationalError("SQLite has rolled it back")
        except sqlite3.Error as error:
            raise self._failure(error) from error

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """What the block writes is undone if it raises, and only that."""
        self._connection.execute("SAVEPOINT one")
        try:
            yield
        except BaseException:
            if self._connection.in_transaction:  # after a failed write SQLite may have ended it
                self._connection.execute("ROLLBACK TO one")
                self._connection.execute("RELEASE one")
            raise
        self._connection.execute("RELEASE one")

    def _failure(self, error: sqlite3.Error) -> Exception:
        self.error = error
        return _failure(error)


def _failure(error: sqlite3.Error) -> Exception:
    return DBAPIError.instance(None, None, error, sqlite3.Error, hide_parameters=True)


class PlainDatabase:
    """A connection that only reads, for the event loop, and one that writes when it is its turn.

    In WAL mode the one that reads waits for no writer.
    """

    def __init__(self, path: str, turn: AbstractContextManager[object], timeout: float) -> None:
        self._turn, self._reader = turn, _PlainConnection(path, 0, "query_only = ON")
        self._writer = _PlainConnection(path, timeout, "journal_mode = WAL", "synchronous = FULL")

    def close(self) -> None:
        self._reader.close()
        self._writer.close()

    def look_up(self, statement: Executable, parameters: Values) -> Sequence[Sequence[Any]] | None:
        """None: not to be had without waiting. Then ask in a thread, which also says what is wrong."""
        try:
            return _rows(self._reader.opened(), statement, parameters)
        except (OSError, sqlite3.Error):
            self._reader.close()
            return None

    @contextmanager
    def transaction(self) -> Iterator[PlainTransaction]:
        with self._turn:
            transaction = PlainTransaction(self._writing())
            try:
                with transaction.committing():
                    yield transaction
            finally:
                if is_broken(transaction.error):
                    self._writer.close()

    def _writing(self) -> sqlite3.Connection:
        try:
            return self._writer.opened()
        except sqlite3.Error as error:  # the file is damaged
            self._writer.close()
            raise _failure(error) from error


class _PlainConnection:
    """It is opened when it is first needed, and anew when the database's file is another one."""

    def __init__(self, path: str, timeout: float, *pragmas: str) -> None:
        self._path, self._timeout, self._pragmas, self._file = path, timeout, pragmas, (0, 0)
        self._connection: sqlite3.Connection | None = None

    def opened(self) -> sqlite3.Connection:
        found = file_identity(self._path)
        if self._connection is None or found != self._file:
            self.close()
            address = f"{Path(self._path).absolute().as_uri()}?mode=rw"  # makes no file where there is none
            self._connection, self._file = sqlite3.connect(address, self._timeout, 0, None, False, uri=True), found
            for pragma in self._pragmas:
                self._connection.execute(f"PRAGMA {pragma}")
        return self._connection

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None


def _rows(connection: sqlite3.Connection, statement: Executable, parameters: Values) -> Sequence[Sequence[Any]]:
    sql, wanted = compiled(statement)
    return connection.execute(sql, [convert(parameters[name]) for name, convert in wanted]).fetchall()


@cache
def compiled(statement: Executable) -> tuple[str, Sequence[tuple[str, Callable[[Any], Any]]]]:
    """The SQL, and for each of its parameters the name and what makes a value one that SQLite stores."""
    found = cast("SQLCompiler", statement.compile(dialect=_DIALECT))  # type: ignore[attr-defined]  # all of ours have it
    types = {name: bind.type.dialect_impl(_DIALECT) for name, bind in found.binds.items()}
    names = found.positiontup or ()
    return str(found), [(name, types[name].bind_processor(_DIALECT) or (lambda value: value)) for name in names]
