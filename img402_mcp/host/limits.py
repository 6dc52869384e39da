"""Daily caps on free uploads, in all and for each address.

They are counted in the database, in the transaction that adds the image, so that several workers agree. A day is
a UTC day. Counts only rise within a day, so a worker may remember who is full and refuse before a byte is read.
"""

from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import Connection, delete

from img402_mcp.host.addresses import Address, shared_by
from img402_mcp.host.index import DAILY_COUNTS, insert_for
from img402_mcp.host.refusals import Refused
from img402_mcp.wire.img402 import FreeTerms

EVERYBODY = "*"


class DailyCaps:
    def __init__(self, terms: FreeTerms) -> None:
        self._everybody, self._each = terms.uploads_a_day, terms.uploads_a_day_per_address
        self._full: set[tuple[date, str]] = set()

    def refuse_early(self, address: Address | None, now: datetime) -> None:
        for who, cap in self._caps(address):
            if (now.date(), who) in self._full:
                raise _refusal(who, cap, now)

    def take(self, connection: Connection, address: Address | None, now: datetime) -> None:
        """Count one upload or raise Refused; then the caller's transaction must not be committed."""
        for who, cap in self._caps(address):
            if not _count(connection, now.date(), who, cap):
                self._remember(now.date(), who)
                raise _refusal(who, cap, now)

    def _caps(self, address: Address | None) -> list[tuple[str, int]]:
        """Always in this order, so that two transactions never wait for each other."""
        caps = ((EVERYBODY, self._everybody), (shared_by(address), self._each))
        return [(who, cap) for who, cap in caps if cap is not None]

    def _remember(self, day: date, who: str) -> None:
        self._full = {full for full in self._full if full[0] == day} | {(day, who)}


def forget_days_before(connection: Connection, day: date) -> None:
    connection.execute(delete(DAILY_COUNTS).where(DAILY_COUNTS.c.day < day))


def _count(connection: Connection, day: date, who: str, cap: int) -> bool:
    """One more, unless the cap is reached: a single statement, so that none can slip between look and count."""
    row = insert_for(connection, DAILY_COUNTS).values(day=day, who=who, uploads=1)
    counted = row.on_conflict_do_update(
        index_elements=[DAILY_COUNTS.c.day, DAILY_COUNTS.c.who],
        set_={"uploads": DAILY_COUNTS.c.uploads + 1},
        where=DAILY_COUNTS.c.uploads < cap,
    ).returning(DAILY_COUNTS.c.uploads)
    return connection.execute(counted).first() is not None


def _refusal(who: str, cap: int, now: datetime) -> Refused:
    whose = "all free uploads" if who == EVERYBODY else "free uploads from your address"
    tomorrow = datetime.combine(now.date() + timedelta(days=1), time(), UTC)
    return Refused(
        "daily_limit",
        f"The daily limit of {cap} for {whose} is reached. Try again after midnight UTC ({tomorrow:%Y-%m-%dT%H:%MZ}).",
        retry_after=int((tomorrow - now).total_seconds()) + 1,
    )
