"""The rows of the studio: who may upload inputs. Everything here blocks."""

from dataclasses import dataclass

from sqlalchemy import Boolean, Column, String, Table, select

from img402_mcp.host.api_keys import hash_of
from img402_mcp.host.db.database import METADATA, Database, Moment

TOKENS = Table(
    "studio_tokens",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("may_upload", Boolean, nullable=False),
    Column("created_at", Moment, nullable=False),
)


@dataclass(frozen=True)
class StudioToken:
    id: str
    name: str
    may_upload: bool


class StudioTokens:
    def __init__(self, database: Database) -> None:
        self._database = database

    def token(self, value: str) -> StudioToken | None:
        with self._database.reading() as connection:
            row = connection.execute(select(TOKENS).where(TOKENS.c.token_hash == hash_of(value))).first()
        return StudioToken(row.id, row.name, row.may_upload) if row else None
