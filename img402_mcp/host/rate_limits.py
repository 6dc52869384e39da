"""How much each may ask for in an hour or a day, and all of them together: counted in the database, for all workers.

Hours and days are UTC's. Each has one row for each who, so that the moment at which it starts anew is known before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

from sqlalchemy import BigInteger, Column, Connection, String, Table, TextClause, bindparam, delete, text

from img402_mcp.host.client_address import Address, shared_by
from img402_mcp.host.db.database import METADATA, Database, Moment
from img402_mcp.host.db.plain import Transaction
from img402_mcp.host.errors import ApiError
from img402_mcp.wire.img402 import FreeTerms
from img402_mcp.wire.io42 import RATE_LIMIT, RATE_REMAINING, RATE_RESET

EVERYBODY = "*"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
_BEGINNING = datetime.fromtimestamp(0, UTC)
_COUNTS = Table(
    "rate_counts",
    METADATA,
    Column("start", Moment, primary_key=True),
    Column("who", String(64), primary_key=True),
    Column("used", BigInteger, nullable=False),
)
Caps = Sequence[tuple[str, int]]


@cache
def _counting(rows: int) -> TextClause:
    """One more for each whose cap is not reached: a single statement, so that none can slip between look and count.

    As text, since sqlalchemy would put an insert of several rows together again each time.
    """
    numbers = range(rows)
    statement = text(
        f"INSERT INTO rate_counts (start, who, used) VALUES {', '.join(f'(:start, :who{n}, 1)' for n in numbers)} "  # noqa: S608 - only numbers are put in
        "ON CONFLICT (start, who) DO UPDATE SET used = rate_counts.used + 1 WHERE rate_counts.used < "
        f"CASE rate_counts.who {' '.join(f'WHEN :who{n} THEN :cap{n}' for n in numbers)} END RETURNING who, used"
    )
    caps = (bindparam(f"cap{n}", type_=BigInteger) for n in numbers)
    return statement.bindparams(bindparam("start", type_=Moment), *caps)


def _counted(transaction: Transaction, start: datetime, caps: Caps) -> Mapping[str, int]:
    """How many it makes, of those whose cap was not reached. Where one is missing it must not be committed."""
    values: dict[str, datetime | str | int] = {"start": start}
    for number, (who, cap) in enumerate(caps):
        values |= {f"who{number}": who, f"cap{number}": cap}
    rows = transaction.execute(_counting(len(caps)), values) if caps else ()
    return {row[0]: row[1] for row in rows}


def _caps(room: str, who: str, each: int | None, everybody: int | None) -> Caps:
    """Everybody's row comes last, which all wait for, so that two transactions never wait for each other."""
    caps = ((f"{room} {who}", each), (f"{room} {EVERYBODY}", everybody))
    return [(who, cap) for who, cap in caps if cap is not None]


def _start(now: datetime, window: timedelta) -> datetime:
    return now - (now - _BEGINNING) % window


def forget_counts_before(connection: Connection, now: datetime) -> None:
    """Yesterday's stay: an upload that began before midnight still counts itself there."""
    connection.execute(delete(_COUNTS).where(_COUNTS.c.start < _start(now, DAY) - DAY))


class DailyCaps:
    """On free uploads. Counts only rise within a day, so a worker remembers who is full and refuses unread bodies."""

    def __init__(self, terms: FreeTerms) -> None:
        self._each, self._everybody = terms.uploads_a_day_per_address, terms.uploads_a_day
        self._full: set[tuple[datetime, str]] = set()

    def refuse_early(self, address: Address | None, now: datetime) -> None:
        for who, cap in self._caps(address):
            if (_start(now, DAY), who) in self._full:
                raise _refusal(who, cap, now)

    def take(self, transaction: Transaction, address: Address | None, now: datetime) -> None:
        """Count one upload or raise ApiError; then the caller's transaction must not be committed."""
        caps, day = self._caps(address), _start(now, DAY)
        counted = _counted(transaction, day, caps)
        for who, cap in caps:
            if who not in counted:
                self._full = {full for full in self._full if full[0] == day} | {(day, who)}
                raise _refusal(who, cap, now)

    def _caps(self, address: Address | None) -> Caps:
        return _caps("free", shared_by(address), self._each, self._everybody)


def _refusal(who: str, cap: int, now: datetime) -> ApiError:
    whose = "all free uploads" if who.endswith(EVERYBODY) else "free uploads from your address"
    tomorrow = _start(now, DAY) + DAY
    return ApiError(
        "daily_limit",
        f"The daily limit of {cap} for {whose} is reached. Try again after midnight UTC ({tomorrow:%Y-%m-%dT%H:%MZ}).",
        retry_after=int((tomorrow - now).total_seconds()) + 1,
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
    """On requests. `room` keeps the counts of several APIs apart."""

    def __init__(self, database: Database, room: str, each: int | None, everybody: int | None) -> None:
        self._database, self._room, self._each, self._everybody = database, room, each, everybody

    def take(self, who: str, now: datetime) -> Allowance:
        """Count one request. Blocks. An exceeded one is counted nowhere."""
        caps, hour = _caps(self._room, who, self._each, self._everybody), _start(now, HOUR)
        with self._database.transaction() as connection:
            counted = _counted(connection, hour, caps)
            if exceeded := len(counted) < len(caps):
                connection.rollback()
        each, used = self._each or 0, counted.get(f"{self._room} {who}")
        left = 0 if used is None else each - used + exceeded
        return Allowance(self._each, left, hour + HOUR, exceeded)
