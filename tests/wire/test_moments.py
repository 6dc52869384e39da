"""Moments from outside are limited to what can be stored; stored ones can always be read."""

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from img402_mcp.wire.moments import FIRST, LAST, NEVER, http_date, moment_in, moment_of


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        pytest.param("2026-02-15T00:00:00.000Z", datetime(2026, 2, 15, tzinfo=UTC), id="zulu"),
        pytest.param("2026-02-15T02:00:00+02:00", datetime(2026, 2, 15, tzinfo=UTC), id="offset"),
        pytest.param("2026-02-15T00:00:00", datetime(2026, 2, 15, tzinfo=UTC), id="no-zone"),
        pytest.param("2026-02-15", datetime(2026, 2, 15, tzinfo=UTC), id="a-day"),
        pytest.param("9999-12-31T23:59:59.9999999Z", LAST, id="never"),
        pytest.param("9999-12-31T23:59:59-14:00", LAST, id="never-in-the-west"),
        pytest.param("9999-12-31T23:59:59.999Z", LAST, id="never-in-milliseconds"),
        pytest.param("0001-01-01T00:00:00Z", None, id="the-first-year"),
        pytest.param("0001-01-01T00:00:00+14:00", None, id="before-the-first-year"),
        pytest.param("10000-01-01T00:00:00Z", None, id="beyond-the-calendar"),
        pytest.param("tomorrow", None, id="words"),
        pytest.param("", None, id="nothing"),
        pytest.param("2" * 5000, None, id="long"),
        pytest.param(4_102_444_800, None, id="a-number"),
        pytest.param(None, None, id="null"),
    ],
)
def test_a_moment_from_outside(text, moment):
    assert moment_in(text) == moment


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        pytest.param("Sun, 06 Nov 1994 08:49:37 GMT", datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC), id="rfc-9110"),
        pytest.param("Fri, 31 Dec 9999 23:59:59 GMT", LAST, id="never"),
        pytest.param("Mon, 99 Jan 2026 00:00:00 GMT", None, id="no-such-day"),
        pytest.param("Mon, 01 Jan 99999 00:00:00 GMT", None, id="beyond-the-calendar"),
        pytest.param("Mon, 01 Jan 2026 00:00:00 +9999999999", None, id="no-such-zone"),
        pytest.param("Mon, 01 Jan 99999999999 00:00:00 GMT", None, id="a-year-of-more-than-32-bits"),
        pytest.param("Mon, 01 Jan 2026 99999999999999999999:00:00 GMT", None, id="an-hour-of-more-than-64-bits"),
        pytest.param("Mon, 01 Jan 2026 00:00:00 +99999999999999999", None, id="a-zone-of-more-than-32-bits"),
        pytest.param("Sun,", None, id="only-a-day"),
        pytest.param(" \t\0", None, id="blanks"),
        pytest.param("soon", None, id="words"),
        pytest.param("", None, id="nothing"),
    ],
)
def test_an_http_date(text, moment):
    assert http_date(text) == moment


@pytest.mark.parametrize(
    ("seconds", "moment"),
    [
        pytest.param(0, FIRST, id="zero"),
        pytest.param(None, FIRST, id="none"),
        pytest.param(-1e30, FIRST, id="before"),
        pytest.param(253_402_300_800.0, LAST, id="the-year-10000"),
        pytest.param(1e300, LAST, id="far"),
        pytest.param(math.inf, LAST, id="infinite"),
        pytest.param(math.nan, FIRST, id="no-number"),
        pytest.param("soon", FIRST, id="a-text"),
    ],
)
def test_a_stored_moment_is_always_read(seconds, moment):
    assert moment_of(seconds) == moment


@given(st.text() | st.datetimes(timezones=st.timezones()).map(str))
def test_a_moment_from_outside_can_be_stored_and_read(text):
    moment = moment_in(text)
    assert moment is None or abs(moment_of(moment.timestamp()) - moment) < timedelta(milliseconds=1)


def test_never_is_later_than_the_last_moment():
    assert FIRST < NEVER < LAST
