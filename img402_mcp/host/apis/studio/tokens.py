"""The rows of the studio: who may upload inputs. Everything here blocks."""

from typing import Any

from sqlalchemy import Boolean, Column, Row, String, Table, select

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


def found(database: Database, token: str) -> Row[Any, Any] | None:
    """Its `id` and whether it `may_upload`."""
    query = select(TOKENS.c.id, TOKENS.c.may_upload).where(TOKENS.c.token_hash == hash_of(token))
    with database.reading() as connection:
        return connection.execute(query).first()
