"""What the accounts of all APIs share. Each API has its own in `accounts.py`; everything here blocks.

Credentials are shown once, when they are made; only hashes are stored.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, Table, insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.dml import ReturningDelete, ReturningUpdate

from img402_mcp.errors import SettingsError, quoted
from img402_mcp.host.db.database import Database

Entry = dict[str, Any]


@dataclass(frozen=True)
class Accounts:
    database: Database
    now: Callable[[], datetime]

    def _add(self, table: Table, row: Entry, what: str) -> None:
        try:
            self.database.change(insert(table).values(row | {"created_at": self.now()}))
        except IntegrityError:
            raise SettingsError(f"There is {what} already; nothing was changed.") from None

    def _change(self, change: ReturningUpdate[Any] | ReturningDelete[Any], kind: str, name: str) -> None:
        """`change` returns the row that it found."""
        if self.database.change(change) is None:
            raise _no_such(kind, name)

    def _one(self, query: Select[Any], kind: str, name: str) -> Entry:
        found = self._all(query)
        if not found:
            raise _no_such(kind, name)
        return found[0]

    def _all(self, query: Select[Any]) -> list[Entry]:
        with self.database.reading() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]


def _no_such(kind: str, name: str) -> SettingsError:
    return SettingsError(f"There is no {kind} {quoted(name)}; `img402-mcp host admin {kind}s list` lists them.")


def valid_name(text: str) -> str:
    """Raises SettingsError."""
    if not text.isprintable() or not 0 < len(text) <= 64:
        raise SettingsError(f"The name is {quoted(text)}; give 1 to 64 printable characters.")
    return text
