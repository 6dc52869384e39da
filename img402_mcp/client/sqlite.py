"""Our SQLite files, which several processes share: private, complete from the start, with a version."""

import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from img402_mcp.atomic_write import draft_of, new_file
from img402_mcp.errors import SettingsError


@dataclass(frozen=True)
class Schema:
    version: int
    statements: tuple[str, ...]
    """The statements that make a new file of that version."""
    probe: str
    """A query that only works on a file of this kind."""
    settings: tuple[str, ...]
    """PRAGMAs of each connection."""
    busy_seconds: float
    """How long a writer waits for another process."""
    steps: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    """Version -> the statements that upgrade it to the next one."""


def opened(path: Path, schema: Schema) -> sqlite3.Connection:
    """The file at `path`, in its own folder (0700), made if it is missing; for any thread, without a lock. Raises
    SettingsError if a newer version wrote it, OSError, sqlite3.Error.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    if not path.exists():
        # Two processes that switched one new file to WAL at the same moment would find it locked.
        with suppress(FileExistsError), draft_of(path) as draft:
            made(draft, schema)
    connection = _connected(path, schema)
    try:
        _demand_known(connection, path, schema)
        _bring_up_to_date(connection, schema)
    except BaseException:
        connection.close()
        raise
    return connection


def made(path: Path, schema: Schema) -> None:
    """A new file of that schema, complete when this returns. Raises FileExistsError."""
    os.close(new_file(path))
    with closing(_connected(path, schema)) as connection:
        for statement in (*schema.statements, f"PRAGMA user_version = {schema.version}"):
            connection.execute(statement)


def _connected(path: Path, schema: Schema) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=schema.busy_seconds, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    for setting in ("journal_mode = WAL", *schema.settings):
        try:
            connection.execute(f"PRAGMA {setting}")
        except sqlite3.Error:
            connection.close()
            raise
    return connection


def _demand_known(connection: sqlite3.Connection, path: Path, schema: Schema) -> None:
    if _version(connection) > schema.version:
        raise SettingsError(
            f"{path} was written by a newer img402-mcp; run that version, or name another folder with IMG402_STATE_DIR."
        )
    connection.execute(schema.probe)


def _bring_up_to_date(connection: sqlite3.Connection, schema: Schema) -> None:
    """In one transaction, so that only one process does it, and a crash leaves the old version."""
    if _version(connection) == schema.version:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for version in range(_version(connection), schema.version):
            for statement in (*schema.steps[version], f"PRAGMA user_version = {version + 1}"):
                connection.execute(statement)
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
