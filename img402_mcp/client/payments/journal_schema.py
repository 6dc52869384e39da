"""The journal's tables. A row is a Payment; `payees` pins the payee of each API."""

from pathlib import Path

from img402_mcp.client.sqlite import Schema

SCHEMA_VERSION = 3


# Another process holds the write lock for some milliseconds, while it signs.
BUSY_SECONDS = 20


OPEN = "('signed', 'sent', 'ambiguous', 'undelivered', 'answered')"


SCHEMA = Schema(
    version=SCHEMA_VERSION,
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
