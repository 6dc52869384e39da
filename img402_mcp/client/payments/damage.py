"""The error for a journal with damaged pages: it pays for nothing, and the error names the way out."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

from img402_mcp.errors import Img402Error

Failed = Callable[[Path, Exception], Img402Error]
_DAMAGES = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class Damage(sqlite3.DatabaseError):
    """Damage that SQLite did not report as such."""


def is_damage(error: BaseException) -> bool:
    undecoded = str(error).startswith("Could not decode")
    return isinstance(error, Damage) or undecoded or getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGES


def journal_damaged(path: Path, error: BaseException) -> str:
    return (
        f"The payment journal {path} could not be opened or read: it is damaged ({error}). Nothing new is signed or "
        "paid until it is repaired. Stop every agent that uses it and run `img402-mcp wallet status --salvage`: it "
        "keeps the damaged file, and goes on with the payments that can still be read. Then make the same call again."
    )


def journal_failed(path: Path, error: Exception, failed: Failed) -> Img402Error:
    """`failed` makes the error for any other fault. The error for damage has the same kind."""
    plain = failed(path, error)
    return type(plain)(journal_damaged(path, error)) if is_damage(error) else plain


def whole(connection: sqlite3.Connection) -> sqlite3.Connection:
    """Raises sqlite3.Error, and closes the journal, if any page is damaged: an unseen payment would be made again."""
    try:
        found = str(connection.execute("PRAGMA integrity_check(1)").fetchone()[0])
        if found != "ok":
            raise Damage(" ".join(found.split()))
    except sqlite3.Error:
        connection.close()
        raise
    return connection
