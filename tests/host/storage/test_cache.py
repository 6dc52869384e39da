"""What was asked for last is remembered: rows for some seconds, bytes up to a size."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from img402_mcp.host.storage.cache import LARGEST, LIFE, ROWS, RecentBytes, RecentRows


@pytest.fixture
def clock() -> SimpleNamespace:
    return SimpleNamespace(now=datetime(2026, 2, 8, tzinfo=UTC))


@pytest.fixture
def rows(clock: SimpleNamespace) -> RecentRows[str]:
    return RecentRows[str](lambda: clock.now)


def test_a_row_is_remembered_for_some_seconds(rows: RecentRows[str], clock: SimpleNamespace):
    rows.put("a", "row", rows.deletions)
    clock.now += LIFE - timedelta(milliseconds=1)
    assert (rows.get("a"), rows.get("b")) == ("row", None)
    clock.now += timedelta(milliseconds=1)
    assert rows.get("a") is None


def test_a_clock_that_was_put_back_makes_nothing_last(rows: RecentRows[str], clock: SimpleNamespace):
    rows.put("a", "row", rows.deletions)
    clock.now -= timedelta(milliseconds=1)
    assert rows.get("a") is None


def test_what_is_deleted_is_forgotten_at_once(rows: RecentRows[str]):
    rows.put("a", "row", rows.deletions)
    rows.forget("a")
    assert rows.get("a") is None


def test_what_was_looked_up_before_a_deletion_is_not_remembered_after_it(rows: RecentRows[str]):
    since = rows.deletions
    rows.forget("a")
    rows.put("a", "row", since)
    assert rows.get("a") is None
    rows.put("a", "row", rows.deletions)
    assert rows.get("a") == "row"


def test_so_many_rows_are_remembered_the_newest(rows: RecentRows[str]):
    for number in range(ROWS + 2):
        rows.put(str(number), "row", 0)
    assert [rows.get(str(number)) for number in (0, 1, 2, ROWS + 1)] == [None, None, "row", "row"]


def test_the_bytes_asked_for_last_are_kept_up_to_a_size():
    recent = RecentBytes(250)
    for name in ("a", "b", "a", "c"):
        if recent.get(name, 100) is None:
            recent.put(name, name.encode() * 100)
    assert [recent.get(name, 100) for name in "abc"] == [b"a" * 100, None, b"c" * 100]


def test_bytes_that_are_put_twice_count_once():
    recent = RecentBytes(250)
    for name in ("a", "a", "a", "b"):
        recent.put(name, bytes(100))
    assert [recent.get(name, 100) for name in "ab"] == [bytes(100)] * 2


def test_large_images_are_not_kept():
    recent = RecentBytes(10 * LARGEST)
    recent.put("a", bytes(LARGEST + 1))
    assert recent.get("a", LARGEST + 1) is None
