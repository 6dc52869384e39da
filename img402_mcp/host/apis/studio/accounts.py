"""Who may upload inputs to this host's studio, and the operator's commands. Everything here blocks."""

from typing import Any

from sqlalchemy import Boolean, Column, String, Table, delete, select

from img402_mcp.errors import quoted
from img402_mcp.host.api_keys import hash_of, new_credential
from img402_mcp.host.apis.accounts import Accounts, Entry, valid_name
from img402_mcp.host.db.database import METADATA, Database, Moment
from img402_mcp.host.storage.images import new_id

TOKENS = Table(
    "studio_tokens",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("may_upload", Boolean, nullable=False),
    Column("created_at", Moment, nullable=False),
)


def found(database: Database, token: str) -> Any:  # noqa: ANN401  # a row, or None
    """Its `id` and whether it `may_upload`."""
    return database.first(select(TOKENS.c.id, TOKENS.c.may_upload).where(TOKENS.c.token_hash == hash_of(token)))


class StudioAccounts(Accounts):
    def add_token(self, name: str, *, may_upload: bool) -> Entry:
        token = new_credential("studio")
        row = {"id": new_id(), "name": valid_name(name), "token_hash": hash_of(token), "may_upload": may_upload}
        self._add(TOKENS, row, f"a token {quoted(name)}")
        return {"name": name, "token": token, "may_upload": may_upload}

    def remove_token(self, name: str) -> Entry:
        self._change(delete(TOKENS).where(TOKENS.c.name == name).returning(TOKENS.c.id), "token", name)
        return {"removed": name}

    def tokens(self) -> list[Entry]:
        return self._all(select(TOKENS.c.name, TOKENS.c.may_upload, TOKENS.c.created_at).order_by(TOKENS.c.name))
