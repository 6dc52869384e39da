"""Daily caps on free uploads, in all and for each address.

They are counted in the database, in the transaction that adds the image, so that several workers agree. A day is
a UTC day. Counts only rise within a day, so a worker may remember who is full and refuse before a byte is read.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import BigInteger, Column, Connection, Date, String, Table, TextClause, bindparam, delete, text

from img402_mcp.host.client_address import Address, shared_by
from img402_mcp.host.db.database import METADATA
from img402_mcp.host.db.plain import Transaction
from img402_mcp.host.errors import ApiError
from img402_mcp.wire.img402 import FreeTerms

EVERYBODY = "*"
_COUNTS = Table(
    "daily_counts",
    METADATA,
    Column("day", Date, primary_key=True),
    Column("who", String(64), primary_key=True),
    Column("uploads", BigInteger, nullable=False),
)


def _counting(rows: int) -> TextClause:
    """For so many caps. As text, since sqlalchemy would put an insert of several rows together again each time."""
    numbers = range(rows)
    statement = text(
        f"INSERT INTO daily_counts (day, who, uploads) VALUES {', '.join(f'(:day, :who{n}, 1)' for n in numbers)} "  # noqa: S608 - only numbers are put in
        "ON CONFLICT (day, who) DO UPDATE SET uploads = daily_counts.uploads + 1 WHERE daily_counts.uploads < "
        f"CASE daily_counts.who {' '.join(f'WHEN :who{n} THEN :cap{n}' for n in numbers)} END RETURNING who"
    )
    return statement.bindparams(
        bindparam("day", type_=Date), *(bindparam(f"cap{n}", type_=BigInteger) for n in numbers)
    )


_COUNTING = {rows: _counting(rows) for rows in (1, 2)}


class DailyCaps:
    def __init__(self, terms: FreeTerms) -> None:
        self._everybody, self._each = terms.uploads_a_day, terms.uploads_a_day_per_address
        self._full: set[tuple[date, str]] = set()

    def refuse_early(self, address: Address | None, now: datetime) -> None:
        for who, cap in self._caps(address):
            if (now.date(), who) in self._full:
                raise _refusal(who, cap, now)

    def take(self, transaction: Transaction, address: Address | None, now: datetime) -> None:
        """Count one upload or raise ApiError; then the caller's transaction must not be committed."""
        caps = self._caps(address)
        counted = _counted(transaction, now.date(), caps)
        for who, cap in caps:
            if who not in counted:
                self._remember(now.date(), who)
                raise _refusal(who, cap, now)

    def _caps(self, address: Address | None) -> list[tuple[str, int]]:
        """Always in this order, so that two transactions never wait for each other."""
        caps = ((EVERYBODY, self._everybody), (shared_by(address), self._each))
        return [(who, cap) for who, cap in caps if cap is not None]

    def _remember(self, day: date, who: str) -> None:
        self._full = {full for full in self._full if full[0] == day} | {(day, who)}


def forget_days_before(connection: Connection, day: date) -> None:
    connection.execute(delete(_COUNTS).where(_COUNTS.c.day < day))


def _counted(transaction: Transaction, day: date, caps: Sequence[tuple[str, int]]) -> set[str]:
    """One more for each whose cap is not reached: a single statement, so that none can slip between look and count."""
    values: dict[str, date | str | int] = {"day": day}
    for number, (who, cap) in enumerate(caps):
        values |= {f"who{number}": who, f"cap{number}": cap}
    return {who for (who,) in transaction.execute(_COUNTING[len(caps)], values)} if caps else set()


def _refusal(who: str, cap: int, now: datetime) -> ApiError:
    whose = "all free uploads" if who == EVERYBODY else "free uploads from your address"
    tomorrow = datetime.combine(now.date() + timedelta(days=1), time(), UTC)
    return ApiError(
        "daily_limit",
        f"The daily limit of {cap} for {whose} is reached. Try again after midnight UTC ({tomorrow:%Y-%m-%dT%H:%MZ}).",
        retry_after=int((tomorrow - now).total_seconds()) + 1,
    )
