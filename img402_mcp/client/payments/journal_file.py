"""The journal's file: its tables, and the errors where it cannot be used, each with the way out.

A row of `payments` is a Payment; `payees` pins the payee of each API. A journal with damaged pages pays for nothing.
"""

import sqlite3
from pathlib import Path
from typing import NamedTuple

from img402_mcp.client.sqlite import Schema
from img402_mcp.errors import Img402Error, PaymentPending, PaymentRefused, SettingsError

# Another process holds the write lock for some milliseconds, while it signs.
BUSY_SECONDS = 20
OPEN = "('signed', 'sent', 'ambiguous', 'undelivered', 'answered')"
SCHEMA = Schema(
    version=3,
    statements=(
        """CREATE TABLE payments (
            serial INTEGER PRIMARY KEY AUTOINCREMENT,
            nonce TEXT NOT NULL UNIQUE,
            origin TEXT NOT NULL, route TEXT NOT NULL, source TEXT NOT NULL,
            method TEXT NOT NULL, url TEXT NOT NULL, bodied INTEGER NOT NULL,
            network TEXT NOT NULL, asset TEXT NOT NULL, payer TEXT NOT NULL, pay_to TEXT NOT NULL,
            amount INTEGER NOT NULL CHECK (amount > 0),
            valid_before INTEGER NOT NULL,
            header TEXT NOT NULL, proof TEXT NOT NULL, identifier TEXT NOT NULL,
            state TEXT NOT NULL, signed_at REAL NOT NULL, changed_at REAL NOT NULL,
            settlement TEXT NOT NULL DEFAULT '', answer BLOB,
            token TEXT, token_expires_at REAL, result TEXT, put_at REAL, redeemed TEXT,
            refusal TEXT NOT NULL DEFAULT ''
        ) STRICT""",
        f"CREATE UNIQUE INDEX one_open_payment ON payments (origin, route, source) WHERE state IN {OPEN}",
        "CREATE INDEX payments_by_time ON payments (signed_at)",
        "CREATE INDEX payments_by_token ON payments (token) WHERE token IS NOT NULL",
        """CREATE TABLE payees (
            origin TEXT NOT NULL, network TEXT NOT NULL, pay_to TEXT NOT NULL, pinned_at REAL NOT NULL,
            PRIMARY KEY (origin, network)
        ) STRICT""",
    ),
    steps={
        1: ("ALTER TABLE payments ADD COLUMN put_at REAL", "ALTER TABLE payments ADD COLUMN redeemed TEXT"),
        2: ("ALTER TABLE payments ADD COLUMN refusal TEXT NOT NULL DEFAULT ''",),
    },
    probe="SELECT nonce FROM payments LIMIT 0",
    # FULL: each commit reaches the disk before it returns. macOS needs one more PRAGMA for that.
    settings=("synchronous = FULL", "fullfsync = ON"),
    busy_seconds=BUSY_SECONDS,
)


def journal_path(state_dir: Path) -> Path:
    return state_dir / "payments" / "journal.db"


class Fault(NamedTuple):
    """What the journal cannot do, and the kind of error that this is."""

    kind: type[Img402Error]
    sentence: str


UNOPENED = Fault(
    SettingsError,
    "The payment journal {path} could not be opened ({error}). Nothing is paid without it: make the folder "
    "writable, or name another one with IMG402_STATE_DIR.",
)
UNREAD = Fault(
    PaymentRefused,
    "The payment journal {path} could not be read ({error}), so nothing new was signed. Check the disk "
    "and the folder that IMG402_STATE_DIR names.",
)
UNWRITTEN = Fault(
    PaymentRefused,
    "The payment journal {path} could not be written ({error}), so nothing was sent: no proof is sent before "
    "it is on disk. Check the disk and the folder that IMG402_STATE_DIR names.",
)
UNWRITTEN_AFTERWARDS = Fault(
    PaymentPending,
    "The payment journal {path} could not be written ({error}) after a payment was sent. Check the disk, "
    "then call again: the same proof is sent again, and nobody pays twice.",
)
_DAMAGED = (
    "The payment journal {path} could not be opened or read: it is damaged ({error}). Nothing new is signed or "
    "paid until it is repaired. Stop every agent that uses it and run `img402-mcp wallet status --salvage`: it "
    "keeps the damaged file, and goes on with the payments that can still be read. Then make the same call again."
)


class Damage(sqlite3.DatabaseError):
    """Damage that SQLite did not report as such."""


def is_damage(error: BaseException) -> bool:
    undecoded = str(error).startswith("Could not decode")
    return (
        isinstance(error, Damage)
        or undecoded
        or getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
    )


def journal_failed(path: Path, error: Exception, fault: Fault) -> Img402Error:
    return fault.kind((_DAMAGED if is_damage(error) else fault.sentence).format(path=path, error=error))


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
