"""What is done once for all workers of all hosts: anyone who comes first when it is due does it."""

from datetime import datetime, timedelta

from sqlalchemy import Column, String, Table

from img402_mcp.host.db.database import METADATA, Database, Moment
from img402_mcp.host.db.engine import insert_for

_RUNS = Table(
    "chores",
    METADATA,
    Column("name", String(32), primary_key=True),
    Column("due_at", Moment, nullable=False),
)


def claim_run(database: Database, name: str, now: datetime, every: timedelta) -> bool:
    """Whether the caller is to do it now. By a single statement, so that of many who ask one is told yes."""
    with database.transaction() as connection:
        row = insert_for(connection, _RUNS).values(name=name, due_at=now + every)
        taken = row.on_conflict_do_update(
            index_elements=[_RUNS.c.name], set_={"due_at": now + every}, where=_RUNS.c.due_at <= now
        ).returning(_RUNS.c.name)
        return connection.execute(taken).first() is not None
