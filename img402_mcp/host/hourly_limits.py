"""Requests an hour, of everybody together and of each: counted in the database, so that several workers agree.

An hour is a UTC hour: one row each, one statement a count, and the whole hour's reset is known beforehand.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, Column, Connection, String, Table, delete

from img402_mcp.host.db.database import METADATA, Database, Moment
from img402_mcp.host.db.engine import insert_for
from img402_mcp.wire.io42 import RATE_LIMIT, RATE_REMAINING, RATE_RESET

EVERYBODY = "*"
HOUR = timedelta(hours=1)

_COUNTS = Table(
    "hourly_counts",
    METADATA,
    Column("hour", Moment, primary_key=True),
    Column("who", String(64), primary_key=True),
    Column("requests", BigInteger, nullable=False),
)


@dataclass(frozen=True)
class Allowance:
    """What is left of the hour. `limit` None: each may ask as often as it likes."""

    limit: int | None
    remaining: int
    reset: datetime
    exceeded: bool = False

    @property
    def headers(self) -> dict[str, str]:
        if self.limit is None:
            return {}
        reset = str(int(self.reset.timestamp()))
        return {RATE_LIMIT: str(self.limit), RATE_REMAINING: str(self.remaining), RATE_RESET: reset}

    def seconds_left(self, now: datetime) -> int:
        return int((self.reset - now).total_seconds()) + 1


class HourlyLimits:
    """`room` keeps the counts of several APIs apart."""

    def __init__(self, database: Database, room: str, each: int | None, everybody: int | None) -> None:
        self._database, self._room, self._each, self._everybody = database, room, each, everybody

    def take(self, who: str, now: datetime) -> Allowance:
        """Count one request. Blocks. An exceeded one is counted nowhere."""
        hour, used = now.replace(minute=0, second=0, microsecond=0), 0
        try:
            # Everybody's row comes last in each transaction, so that two never wait for each other.
            with self._database.transaction() as connection:
                used = _one_more(connection, hour, f"{self._room} {who}", self._each)
                _one_more(connection, hour, f"{self._room} {EVERYBODY}", self._everybody)
        except _FullError:
            left = (self._each or 0) - used + 1 if used else 0
            return Allowance(self._each, left, hour + HOUR, exceeded=True)
        return Allowance(self._each, (self._each or 0) - used, hour + HOUR)


class _FullError(Exception):
    """Rolls the transaction back."""


def _one_more(connection: Connection, hour: datetime, who: str, cap: int | None) -> int:
    """How many it makes, by a single statement, so that none can slip between look and count. 0: not counted."""
    if cap is None:
        return 0
    row = insert_for(connection, _COUNTS).values(hour=hour, who=who, requests=1)
    counted = row.on_conflict_do_update(
        index_elements=[_COUNTS.c.hour, _COUNTS.c.who],
        set_={"requests": _COUNTS.c.requests + 1},
        where=_COUNTS.c.requests < cap,
    ).returning(_COUNTS.c.requests)
    made: int | None = connection.execute(counted).scalar()
    if made is None:
        raise _FullError
    return made


def forget_hours_before(connection: Connection, moment: datetime) -> None:
    connection.execute(delete(_COUNTS).where(_COUNTS.c.hour < moment - HOUR))
