"""Engines: all that is SQLite's or PostgreSQL's own."""

import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing

from sqlalchemy import Connection, Engine, Table, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor, ExceptionContext
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

from img402_mcp.errors import SettingsError
from img402_mcp.host.private_files import private_file

SQLITE, POSTGRESQL = "sqlite", "postgresql"
_BROKEN = (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOTADB)

_SWITCHES, _SWITCH_PAUSE = 100, 0.02  # seconds; the other's switch takes milliseconds
# Of the 97 that PostgreSQL has to give as it comes, for four workers and a person. Nobody holds two at a time, so the
# other threads of a worker wait some milliseconds.
CONNECTIONS, WAIT_SECONDS = 20, 10
# A look at an idle connection costs a round trip; a firewall that forgot it, or a server that was restarted, a request.
_POOL = {"pool_size": CONNECTIONS, "max_overflow": 0, "pool_timeout": WAIT_SECONDS, "pool_pre_ping": True}
# A server that vanished is noticed by libpq within 15 seconds, not after TCP's quarter of an hour.
_SOCKET = {"connect_timeout": 5, "keepalives_idle": 5, "keepalives_interval": 5, "keepalives_count": 2}
_SOCKET |= {"tcp_user_timeout": 15_000}
# The longest statement of ours takes milliseconds; what waits longer hangs on a lock that somebody forgot.
_LIMITS = {"statement_timeout": "15s", "lock_timeout": "10s", "idle_in_transaction_session_timeout": "30s"}
_EXTRAS = {"psycopg": "'img402-mcp[postgres]'"}


def open_engine(url: URL) -> Engine:
    """An error's text goes to the log: each engine keeps the values of its statements out of it."""
    try:
        return _postgresql(url) if url.get_backend_name() == POSTGRESQL else _sqlite(url)
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"IMG402_HOST_DATABASE asks for {url.drivername}, whose driver is not installed: "
            f"run `pip install {_EXTRAS.get(error.name or '', error.name)}`, or name another, such as "
            "postgresql+psycopg."
        ) from None


def _sqlite(url: URL) -> Engine:
    """`?timeout=5` in the URL: how many seconds it waits for another writer."""
    engine = create_engine(url.update_query_dict({"timeout": url.query.get("timeout", "30")}), hide_parameters=True)
    if "uri" not in url.query:
        _make_private(str(url.database))
        event.listen(engine, "do_connect", _check_there)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "checkout", _check_file)
    event.listen(engine, "handle_error", _drop_connection)
    return engine


def _make_private(path: str) -> None:
    """SQLite gives the files beside it the same mode, when it makes them."""
    private_file(path)
    for beside in (f"{path}-wal", f"{path}-shm"):
        if os.path.exists(beside):  # noqa: PTH110  # a name, put together
            private_file(beside)


def _postgresql(url: URL) -> Engine:
    """READ COMMITTED whatever the server's default is: each of our statements decides for itself."""
    socket = _SOCKET if url.get_driver_name() == "psycopg" else {}
    engine = create_engine(
        url,
        hide_parameters=True,
        isolation_level="READ COMMITTED",
        connect_args={name: value for name, value in socket.items() if name not in url.query},
        **_POOL,
    )
    event.listen(engine, "connect", _prepare_postgresql)
    return engine


def _check_there(_dialect: object, _entry: object, arguments: Sequence[str], _options: object) -> None:
    """SQLite would make an empty one, and throw away the old one's log beside it, which may hold its last rows."""
    os.stat(arguments[0])  # noqa: PTH116  # raises OSError


def _prepare_sqlite(connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
    """FULL: an upload that was answered survives a power cut (0.2 ms more)."""
    with closing(connection.cursor()) as cursor:  # one that is left open keeps the file open
        _, _, entry.info["path"] = cursor.execute("PRAGMA database_list").fetchone()
        entry.info["file"] = file_identity(entry.info["path"])
        _switch_to_wal(cursor)
        cursor.execute("PRAGMA synchronous = FULL")


def _switch_to_wal(cursor: DBAPICursor) -> None:
    """Of two that switch a new file at once, each holds what the other needs, so SQLite refuses one without waiting."""
    for _ in range(_SWITCHES):
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            time.sleep(_SWITCH_PAUSE)
        else:
            return
    cursor.execute("PRAGMA journal_mode = WAL")


def _check_file(_connection: DBAPIConnection, entry: ConnectionPoolEntry, _fairy: object) -> None:
    """Rows written to a file that was removed or replaced would be lost, and nothing would say so."""
    if file_identity(entry.info["path"]) != entry.info["file"]:
        raise DisconnectionError("The database's file was replaced.")


def file_identity(path: str) -> tuple[int, int]:
    """Raises OSError where there is none."""
    found = os.stat(path)  # noqa: PTH116  # at each transaction
    return found.st_dev, found.st_ino


def _drop_connection(context: ExceptionContext) -> None:
    """The file stays open for as long as the error's traceback, which holds the cursor, unless that is closed too."""
    context.is_disconnect = context.is_disconnect or is_broken(context.original_exception)
    if context.is_disconnect and context.execution_context is not None:
        context.execution_context.cursor.close()


def is_broken(error: BaseException | None) -> bool:
    """A connection remembers what it read of a file that was damaged; the next one looks again."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _BROKEN


def _prepare_postgresql(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    """By statements, since a pooler in between refuses them as options of the connection."""
    with closing(connection.cursor()) as cursor:
        for name, value in _LIMITS.items():
            cursor.execute(f"SET {name} = '{value}'")
    connection.commit()


# Both speak ON CONFLICT alike, but sqlalchemy has it on each dialect's own insert.
_INSERT: dict[str, Callable[[Table], sqlite.Insert | postgresql.Insert]] = {
    SQLITE: sqlite.insert,
    POSTGRESQL: postgresql.insert,
}


def insert_for(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An insert that can say ON CONFLICT: one statement, so that nothing slips between a look and a write."""
    return _INSERT[connection.dialect.name](table)


# "img402" as a number: of PostgreSQL's advisory locks, whose numbers all programs on a database share, ours.
_LOCK = 0x696D67343032


def take_exclusive_lock(connection: Connection) -> None:
    """From here to the end of the transaction nobody else is behind this line."""
    if connection.dialect.name == SQLITE:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        return
    for name in ("statement_timeout", "lock_timeout"):
        connection.exec_driver_sql(f"SET LOCAL {name} = 0")
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
