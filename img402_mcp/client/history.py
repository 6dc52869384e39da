"""What was uploaded, and where it is now: one SQLite file that several processes share. No image, no token, no key.

It holds only one kind of secret: the URL that deletes an image from one's own host. It is returned with the image's
URL if a file is uploaded again, is in no list, and is deleted with its entry.

It stays small by itself, at each opening: what expired more than 90 days ago is dropped, and of the rest all but the
newest 100,000 uploads (about 50 MB).
"""

import sqlite3
import threading
import time
import unicodedata
from contextlib import suppress
from dataclasses import astuple, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from img402_mcp.client.files.paths import absolute
from img402_mcp.client.files.refusal import FileRefused
from img402_mcp.client.files.roots import Roots
from img402_mcp.client.sqlite import Schema, opened
from img402_mcp.errors import SettingsError

DAY = 86_400
MIN_LIFE = 600
"""A URL is only reused if it lives at least so many more seconds: long enough to publish it and look at it."""
DROPPED_AFTER = 90 * DAY
MAX_UPLOADS = 100_000

# An answer waits for this. Another process writes for a millisecond; a longer wait is not worthwhile.
_BUSY_SECONDS = 5
_FURTHEST_DAYS = 36_500
_SCHEMA = Schema(
    version=2,
    statements=(
        """CREATE TABLE uploads (
            serial INTEGER PRIMARY KEY AUTOINCREMENT,
            at REAL NOT NULL, path TEXT NOT NULL, source TEXT NOT NULL, sent TEXT NOT NULL,
            url TEXT NOT NULL, id TEXT NOT NULL, api TEXT NOT NULL, terms TEXT NOT NULL, preparation TEXT NOT NULL,
            content_type TEXT NOT NULL, size_bytes INTEGER NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL,
            expires_at REAL, expiry_known INTEGER NOT NULL, price INTEGER NOT NULL, done TEXT NOT NULL,
            gone INTEGER NOT NULL, delete_url TEXT NOT NULL DEFAULT ''
        ) STRICT""",
        "CREATE INDEX uploads_by_source ON uploads (source, api, terms, preparation)",
        "CREATE INDEX uploads_by_url ON uploads (url)",
        "CREATE INDEX uploads_by_expiry ON uploads (expires_at) WHERE expires_at IS NOT NULL",
    ),
    probe="SELECT gone FROM uploads LIMIT 0",
    # NORMAL: a power cut may cost the last entries, never the file. Forgotten data is overwritten, too.
    settings=("synchronous = NORMAL", "secure_delete = ON"),
    busy_seconds=_BUSY_SECONDS,
    steps={1: ("ALTER TABLE uploads ADD COLUMN delete_url TEXT NOT NULL DEFAULT ''",)},
)


@dataclass(frozen=True)
class HistoryEntry:
    at: float
    """Seconds of Unix time, as in `expires_at`."""
    path: str
    source: str
    """SHA-256, in hex, of the file on the disk."""
    sent: str
    """SHA-256, in hex, of the bytes that were sent."""
    url: str
    id: str
    api: str
    terms: str
    """The kind of upload: "free", "paid" ..."""
    preparation: str
    """The requested preparation, such as "scrub fit"."""
    content_type: str
    size_bytes: int
    width: int
    height: int
    expires_at: float | None
    """None: never, or unknown; `expiry_known` tells which."""
    expiry_known: bool
    price: int
    """In atomic units of USDC; 0 for a free upload."""
    done: str
    """The preparation that was done, in words."""
    gone: bool = False
    """Its URL was seen to answer 404."""
    delete_url: str = field(default="", repr=False)
    """Deletes the image; empty if the API gave none, and in every list."""


_COLUMNS = tuple(column.name for column in fields(HistoryEntry))
_INSERT = f"INSERT INTO uploads ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608
_MATCHING = "holds(?, path, url, id, ?)"
_TEXTS = "url || id || terms || preparation || content_type"
_SHOWABLE = f"NOT ({_TEXTS}) GLOB '*[^ -~]*' AND length({_TEXTS} || api || done) <= 8192"
"""Nothing else comes from an API: such a row is as good as none, and can only be forgotten."""
_EXPIRING = "NOT gone AND expires_at > ? AND expires_at < ?"


class History:
    """Safe to call from any thread (through `anyio.to_thread`). Each method raises SettingsError if the file fails."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    @classmethod
    def open(cls, state_dir: Path, now: float | None = None) -> "History":
        """The history, in its own folder (0700) under `state_dir`. Raises SettingsError."""
        path = state_dir / "ledger" / "ledger.db"
        try:
            history = cls(opened(path, _SCHEMA))
        except (OSError, sqlite3.Error) as error:
            raise SettingsError(
                f"The history of uploads {path} could not be opened ({error}). Make the folder writable, move the "
                "file away if it is damaged, name another folder with IMG402_STATE_DIR, or do without: "
                "IMG402_HISTORY=off."
            ) from error
        try:
            history._begin(time.time() if now is None else now)
        except BaseException:
            history.close()
            raise
        return history

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def remember(self, entry: HistoryEntry) -> None:
        self._execute(_INSERT, *(_storable(value) for value in astuple(entry)))

    def reusable(self, api: str, terms: str, source: str, preparation: str, now: float) -> HistoryEntry | None:
        """The newest upload of the same file to the same API, on the same terms, whose URL lives long enough."""
        where = (
            "source = ? AND api = ? AND terms = ? AND preparation = ? AND expiry_known AND NOT gone "
            "AND (expires_at IS NULL OR expires_at > ?) ORDER BY serial DESC LIMIT 1"
        )
        return next(iter(self._entries(where, source, api, terms, preparation, now + MIN_LIFE)), None)

    def find(
        self, query: str = "", expiring_before: float | None = None, *, now: float, limit: int = 50
    ) -> list[HistoryEntry]:
        """The uploads whose path, URL or id contains `query`, in any case, or whose file it names; the newest first.

        With `expiring_before`, only images that still exist and expire before then, the soonest first. A `limit` below
        0 means no limit.
        """
        where, values = _condition(query, expiring_before, now)
        order = "serial DESC" if expiring_before is None else "expires_at, serial"
        return [
            replace(entry, delete_url="")
            for entry in self._entries(f"{where} ORDER BY {order} LIMIT ?", *values, limit)
        ]

    def count(self, query: str = "", expiring_before: float | None = None, *, now: float) -> int:
        """The number of results of `find` without a limit."""
        where, values = _condition(query, expiring_before, now)
        ((number,),) = self._execute(f"SELECT count(*) FROM uploads WHERE {_SHOWABLE} AND {where}", *values)  # noqa: S608
        return int(number)

    def delete_url(self, url: str) -> str:
        """That of the newest upload with this URL; empty if none is known."""
        found = self._execute("SELECT delete_url FROM uploads WHERE url = ? ORDER BY serial DESC LIMIT 1", url)
        return str(found[0][0]) if found else ""

    def gone(self, url: str) -> None:
        """The URL answered 404: it is never reused."""
        self._execute("UPDATE uploads SET gone = 1 WHERE url = ?", url)

    def forget(self, query: str) -> int:
        """Forgets what `find` finds for that query, and returns how many. An empty query forgets nothing."""
        return self._forget(_MATCHING, *_needles(query)) if _folded(query) else 0

    def forget_all(self) -> int:
        return self._forget("TRUE")

    def _begin(self, now: float) -> None:
        self._connection.create_function("holds", 5, _holds, deterministic=True)
        self._execute("DELETE FROM uploads WHERE expires_at < ?", now - DROPPED_AFTER)
        newest = "SELECT max(serial) FROM uploads"
        self._execute(f"DELETE FROM uploads WHERE serial <= ({newest}) - ?", MAX_UPLOADS)  # noqa: S608

    def _forget(self, where: str, *values: object) -> int:
        gone = self._execute(f"DELETE FROM uploads WHERE {where} RETURNING 1", *values)  # noqa: S608  # our own words
        with suppress(SettingsError):  # another process reads: it is emptied later
            self._execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return len(gone)

    def _entries(self, where: str, *values: object) -> list[HistoryEntry]:
        query = f"SELECT {', '.join(_COLUMNS)} FROM uploads WHERE {_SHOWABLE} AND {where}"  # noqa: S608  # our own
        return [_read(row) for row in self._execute(query, *values)]

    def _execute(self, statement: str, *values: object) -> list[sqlite3.Row]:
        try:
            with self._lock:
                return self._connection.execute(statement, values).fetchall()
        except (sqlite3.Error, OverflowError) as error:  # OverflowError: a number beyond 64 bits
            raise SettingsError(
                f"The history of uploads could not be read or written ({error}). Check the disk and the folder that "
                "IMG402_STATE_DIR names, or do without: IMG402_HISTORY=off."
            ) from error


def expiring_before(now: float, days: int) -> float | None:
    """The end of the given number of days; None if none is given."""
    return now + min(days, _FURTHEST_DAYS) * DAY if days > 0 else None


def _condition(query: str, expiring_before: float | None, now: float) -> tuple[str, tuple[object, ...]]:
    where, values = (_MATCHING, _needles(query)) if _folded(query) else ("TRUE", ())
    if expiring_before is None:
        return where, values
    return f"{where} AND {_EXPIRING}", (*values, now, expiring_before)


def _needles(query: str) -> tuple[str, str]:
    """The words to look for, and the file that the query may name."""
    try:
        file = str(Path(absolute(query, Roots(()))).resolve())
    except (OSError, RuntimeError, ValueError, FileRefused):  # no such home, a circle of links, a NUL, a share
        file = ""
    return _folded(query), str(_storable(file))


def _holds(needle: str, path: str, url: str, id: str, file: str) -> bool:  # noqa: A002  # as the column
    return path == file or any(needle in _folded(text) for text in (path, url, id))


def _folded(text: str) -> str:
    """Case and spelling do not matter: macOS writes an umlaut in two characters, and an unusual space before "PM"."""
    return unicodedata.normalize("NFKC", str(_storable(text))).casefold().strip()


def _storable(value: object) -> object:
    """A file's name need not be UTF-8. Python then puts characters into it that no database takes."""
    return value.encode("utf-8", "backslashreplace").decode("utf-8") if isinstance(value, str) else value


def _read(row: sqlite3.Row) -> HistoryEntry:
    columns: dict[str, Any] = dict(row)
    return HistoryEntry(**columns | {name: bool(columns[name]) for name in ("expiry_known", "gone")})
