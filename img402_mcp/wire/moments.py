"""Moments from outside, and moments that were stored: what cannot be a date costs no more than itself.

`9999-12-31T23:59:59.9999999Z` is a common way to say "never". As seconds it rounds up into the year 10000, which no
date can be read from again. So what comes in is held to what survives being stored, and what is stored is read
without ever raising, also where an older version stored more.
"""

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

FIRST = datetime(1970, 1, 1, tzinfo=UTC)
LAST = datetime(9999, 12, 31, tzinfo=UTC)
NEVER = datetime(9000, 1, 1, tzinfo=UTC)
"""From here on a date means that there is no end."""


def moment_in(text: object) -> datetime | None:
    """ISO 8601 in UTC; a moment without a zone is in UTC. None: it cannot be read."""
    if not isinstance(text, str) or len(text) > 64:
        return None
    try:
        return _held(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        return None


def http_date(text: str) -> datetime | None:
    """As in Retry-After and Date (RFC 9110, 5.6.7). None: it cannot be read."""
    try:
        return _held(parsedate_to_datetime(text[:64]))
    except (ValueError, OverflowError):
        return None


def moment_of(seconds: float | None) -> datetime:
    """Of Unix time. Never raises."""
    if not isinstance(seconds, int | float) or math.isnan(seconds):
        return FIRST
    return datetime.fromtimestamp(min(max(seconds, 0), LAST.timestamp()), UTC)


def in_utc(moment: datetime, timespec: str = "seconds") -> str:
    """2026-02-15T00:00:00Z"""
    return moment.astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z")


def _held(moment: datetime) -> datetime | None:
    """In UTC; at most LAST. A moment before FIRST is not one that anybody means."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if aware.year >= LAST.year:
        return LAST
    if aware.year < FIRST.year:
        return None
    return max(aware.astimezone(UTC), FIRST)
