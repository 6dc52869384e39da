"""Group commit: one transaction for all waiting writes, and still each gets its own result."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.exc import OperationalError

from img402_mcp.host.db.group_commit import GroupCommit, Write
from img402_mcp.host.errors import ApiError


class Rows:
    """A real database with one table, and how often it was written to."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self.transactions = engine, 0
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE rows (name TEXT PRIMARY KEY)")

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        self.transactions += 1
        with self._engine.begin() as connection:
            yield connection

    def names(self) -> list[str]:
        with self._engine.connect() as connection:
            return [*connection.exec_driver_sql("SELECT name FROM rows ORDER BY name").scalars()]


@pytest.fixture
def rows(tmp_path: Path) -> Iterator[Rows]:
    engine = create_engine(f"sqlite:///{tmp_path}/rows")
    yield Rows(engine)
    engine.dispose()


def adding(name: str, then: Callable[[], object] = lambda: None) -> Write:
    def write(connection: Connection) -> None:
        connection.exec_driver_sql("INSERT INTO rows VALUES (?)", (name,))
        then()

    return write


def refusing() -> None:
    raise ApiError("daily_limit", "Full.")


def losing_the_database() -> None:
    raise OperationalError("INSERT", {}, Exception("database is locked"))


@contextmanager
def behind_a_slow_one(group: GroupCommit, *writes: Write) -> Iterator[list[Future[None]]]:
    """All writes queue behind one that is being committed, and then share the next commit."""
    begun, end = Event(), Event()

    def slow() -> bool:
        begun.set()
        return end.wait(10)

    with ThreadPoolExecutor(len(writes) + 1) as pool:
        pool.submit(group.commit, adding("slow", slow))
        assert begun.wait(10)
        futures = [pool.submit(group.commit, write) for write in writes]
        while group.waiting < len(writes):
            assert not any(future.done() for future in futures)
        end.set()
        yield futures


def test_writes_that_wait_share_the_next_commit(rows: Rows):
    with behind_a_slow_one(GroupCommit(rows.transaction), *map(adding, "abcde")) as futures:
        assert [future.result(10) for future in futures] == [None] * 5
    assert (rows.transactions, rows.names()) == (2, [*"abcde", "slow"])


@pytest.mark.parametrize(
    "spoilt",
    [pytest.param(adding("c", refusing), id="refused"), pytest.param(adding("a"), id="there-already")],
)
def test_a_refused_write_leaves_no_trace_and_does_not_affect_the_others(rows: Rows, spoilt: Write):
    with behind_a_slow_one(GroupCommit(rows.transaction), adding("a"), spoilt, adding("b")) as (first, second, third):
        assert (first.result(10), third.result(10)) == (None, None)
        assert second.exception(10) is not None
    assert rows.names() == ["a", "b", "slow"]


def test_a_failing_database_is_tried_once_and_every_waiter_gets_the_error(rows: Rows):
    writes = adding("a"), adding("b", losing_the_database), adding("c")
    with behind_a_slow_one(GroupCommit(rows.transaction), *writes) as futures:
        assert [type(future.exception(10)) for future in futures] == [OperationalError] * 3
    assert (rows.transactions, rows.names()) == (2, ["slow"])


def test_nothing_is_confirmed_before_the_commit(rows: Rows):
    """Including writes that another caller's thread commits."""
    seen: list[list[str]] = []
    group = GroupCommit(rows.transaction)

    def commit_and_look(name: str) -> None:
        group.commit(adding(name))
        seen.append([found for found in rows.names() if found == name])

    with ThreadPoolExecutor(8) as pool:
        names = [f"{number:03}" for number in range(100)]
        assert [*pool.map(commit_and_look, names)] == [None] * 100
    assert sorted(seen) == [[name] for name in names]
