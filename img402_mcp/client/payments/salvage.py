"""A damaged journal: its payments that can still be read go into a new one, and the damaged file is kept.

SQLite itself reads the rows, one leaf of the table after the other, even if the pages that lead there are lost.
"""

import os
import re
import secrets
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from img402_mcp.client.payments.journal_file import SCHEMA
from img402_mcp.client.payments.payment import payment_in
from img402_mcp.client.sqlite import made
from img402_mcp.errors import SettingsError

_LEAF = b"\x0d"
_ROOTS = 16
"""More than all tables and indexes have at first: each needs its page, also in a file that was cut."""
_COUNT = 28
"""Where the first page says how many there are."""
_NONCE = re.compile(r"0x[0-9a-f]{64}", re.ASCII)
_BESIDE = ("", "-wal", "-shm")
_PINS = "INSERT OR REPLACE INTO payees SELECT origin, network, pay_to, signed_at FROM payments ORDER BY signed_at"


@dataclass(frozen=True)
class Salvage:
    read: int
    lost: int
    """As far as the numbers of the payments that were read show it."""
    damaged: Path
    """Where the damaged journal is kept."""


def salvaged(path: Path) -> Salvage:
    """Replaces the damaged journal with a new one. Raises SettingsError, OSError, sqlite3.Error."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    damaged = path.with_name(f"journal.damaged-{stamp}-{secrets.token_hex(3)}.db")
    _copy(path, damaged)
    try:
        _demand_unused(path)
    except SettingsError:
        _remove(damaged)
        raise
    new, scratch = (path.with_name(f".journal-{secrets.token_hex(8)}") for _ in range(2))
    try:
        made(new, SCHEMA)
        _copy(damaged, scratch)
        _repair_head(scratch, new)
        read, last = _put_in(new, _newest(_rows(scratch)))
        for beside in _BESIDE[1:]:
            _named(path, beside).unlink(missing_ok=True)
        new.replace(path)
    finally:
        _remove(new)
        _remove(scratch)
    return Salvage(read, last - read, damaged)


def _demand_unused(path: Path) -> None:
    """Only the last connection can leave WAL. A remaining one would remove the new journal's log when it closes."""
    with suppress(sqlite3.DatabaseError), closing(sqlite3.connect(path, timeout=0)) as connection:
        try:
            connection.execute("PRAGMA journal_mode = DELETE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise SettingsError(
                    f"The payment journal {path} is in use. Stop every agent and command that uses it, then run "
                    "`img402-mcp wallet status --salvage` again. Nothing was changed."
                ) from None


def _repair_head(scratch: Path, new: Path) -> None:
    """If the first page, which names the tables, is lost: a new journal has the same page."""
    if not _write_back(scratch):
        _overwrite(scratch, 0, new.read_bytes()[: _page_size(new)])
        _write_back(scratch)
    _overwrite(scratch, _COUNT, bytes(4))  # SQLite counts the pages itself then
    pages = -(-scratch.stat().st_size // _page_size(scratch))
    os.truncate(scratch, (pages + _ROOTS) * _page_size(scratch))


def _write_back(scratch: Path) -> bool:
    """Writes the log into the file; False if not even the tables' names can be read."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(scratch)) as connection:
        connection.execute(SCHEMA.probe)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return True
    return False


def _overwrite(scratch: Path, at: int, content: bytes) -> None:
    with scratch.open("r+b") as file:
        file.seek(at)
        file.write(content)


def _rows(scratch: Path) -> Iterator[sqlite3.Row]:
    """The rows of every page that may be a leaf of the table; pages of other tables have no such rows."""
    size = _page_size(scratch)
    with scratch.open("rb") as file:
        pages = enumerate(iter(partial(file.read, size), b""), 1)
        leaves = [page for page, content in pages if page > 1 and content[:1] == _LEAF]
    for leaf in leaves:
        for order in ("ASC", "DESC"):  # from both ends, up to what cannot be read
            yield from _rows_of(scratch, leaf, order)


def _rows_of(scratch: Path, leaf: int, order: str) -> Iterator[sqlite3.Row]:
    with suppress(sqlite3.Error), closing(sqlite3.connect(scratch, isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_schema SET rootpage = ? WHERE name = 'payments'", (leaf,))
    with suppress(sqlite3.Error, ValueError), closing(sqlite3.connect(scratch)) as connection:
        connection.row_factory = sqlite3.Row
        for row in connection.execute(f"SELECT * FROM payments NOT INDEXED ORDER BY serial {order}"):  # noqa: S608
            if _NONCE.fullmatch(str(row["nonce"])):
                payment_in(row)  # raises ValueError for an unknown state
                yield row


def _newest(rows: Iterator[sqlite3.Row]) -> list[sqlite3.Row]:
    """A page that was given up may still have a row as it was before."""
    found: dict[str, sqlite3.Row] = {}
    for row in rows:
        known = found.get(row["nonce"])
        if known is None or known["changed_at"] < row["changed_at"]:
            found[row["nonce"]] = row
    return sorted(found.values(), key=lambda row: row["changed_at"], reverse=True)


def _put_in(new: Path, rows: list[sqlite3.Row]) -> tuple[int, int]:
    """How many, and the highest number that any of them has."""
    with closing(sqlite3.connect(new)) as connection, connection:
        connection.execute("PRAGMA synchronous = FULL")
        count = 0
        for row in rows:
            statement = f"INSERT INTO payments ({', '.join(row.keys())}) VALUES ({', '.join('?' * len(row))})"  # noqa: S608
            with suppress(sqlite3.IntegrityError):
                count += connection.execute(statement, tuple(row)).rowcount
        connection.execute(_PINS)
        return count, max((row["serial"] for row in rows), default=0)


def _copy(path: Path, to: Path) -> None:
    for beside in ("", "-wal"):
        if _named(path, beside).exists():
            shutil.copyfile(_named(path, beside), _named(to, beside), follow_symlinks=False)
            _named(to, beside).chmod(0o600)


def _remove(path: Path) -> None:
    for beside in _BESIDE:
        _named(path, beside).unlink(missing_ok=True)


def _named(path: Path, beside: str) -> Path:
    return path.with_name(path.name + beside)


def _page_size(path: Path) -> int:
    with path.open("rb") as file:
        return int.from_bytes(file.read(18)[16:], "big")
