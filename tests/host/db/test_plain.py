"""SQLite's own driver with SQLAlchemy's statements: the same rows, without waiting."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError

from img402_mcp.formats import PNG, WEBP
from img402_mcp.host.apis.io42.submissions import AGENTS, PROJECTS, SUBMISSIONS, AlreadyUploaded, Submissions
from img402_mcp.host.db.database import METADATA, Database
from img402_mcp.host.db.plain import Transaction
from img402_mcp.host.errors import ApiError
from img402_mcp.host.payments.upload_tokens import AlreadyRedeemed, redeem
from img402_mcp.host.rate_limits import DailyCaps
from img402_mcp.host.storage.images import Images, StoredImage, new_id
from img402_mcp.wire.img402 import FreeTerms

NOW = datetime(2026, 2, 8, 12, 0, 0, 123_000, UTC)
IMAGES = [
    StoredImage(new_id(), PNG, 1 << 40, NOW, NOW + timedelta(days=7), paid=True),
    StoredImage(new_id(), WEBP, 1, NOW, None),
]
CAPS = DailyCaps(FreeTerms(max_bytes=1, days=1, uploads_a_day=2, uploads_a_day_per_address=9))
FIND = text("SELECT id FROM images WHERE id = :id")


def open_database(folder: Path) -> Database:
    return Database(URL.create("sqlite", database=str(folder / "rows")))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with closing(open_database(tmp_path)) as database:
        yield database


def add_images(transaction: Transaction, database: Database) -> None:
    for image in IMAGES:
        Images(database).add(transaction, image)
        Images(database).add_private(transaction, image)


def count_three(transaction: Transaction, _: Database) -> None:
    for _attempt in range(2):
        CAPS.take(transaction, ip_address("192.0.2.1"), NOW)
    with pytest.raises(ApiError):
        CAPS.take(transaction, None, NOW)


def redeem_twice(transaction: Transaction, _: Database) -> None:
    redeem(transaction, "payment", IMAGES[0], "sha256")
    with pytest.raises(AlreadyRedeemed):
        redeem(transaction, "payment", IMAGES[1], "sha256")


def complete_twice(transaction: Transaction, database: Database) -> None:
    Submissions(database).complete(transaction, "m", IMAGES[0])
    with pytest.raises(AlreadyUploaded):
        Submissions(database).complete(transaction, "m", IMAGES[1])


def with_a_submission(database: Database) -> None:
    with database.transaction() as connection:
        connection.execute(insert(AGENTS), {"id": "a", "name": "a", "key_hash": "x", "created_at": NOW})
        project = {"id": "p", "fee": 0, "status": "open", "kind": "image", "created_at": NOW}
        connection.execute(insert(PROJECTS), project)
        submission = {"id": "s", "project_id": "p", "agent_id": "a", "created_at": NOW, "media_id": "m"}
        connection.execute(insert(SUBMISSIONS), submission)


def everything(database: Database) -> dict[str, list[tuple[object, ...]]]:
    with database.reading() as connection:
        return {
            table.name: sorted(map(tuple, connection.execute(select(table)).all()), key=str)
            for table in METADATA.sorted_tables
        }


@pytest.mark.parametrize("write", [add_images, count_three, redeem_twice, complete_twice])
def test_both_ways_write_the_same_rows(
    tmp_path: Path, database: Database, write: Callable[[Transaction, Database], None]
):
    (tmp_path / "other").mkdir()
    with closing(open_database(tmp_path / "other")) as other:
        for one in (database, other):
            with_a_submission(one)
        before = everything(database)
        assert database.plain is not None
        with database.plain.transaction() as plain:
            write(plain, database)
        with other.transaction() as connection:
            write(connection, other)
        assert before != everything(database) == everything(other)


def test_a_look_up_sees_what_was_committed_last(database: Database):
    for image in IMAGES:
        assert database.look_up(FIND, {"id": image.id}) == []
        with database.transaction() as connection:
            Images(database).add(connection, image)
        assert database.look_up(FIND, {"id": image.id}) == [(image.id,)]


def test_a_look_up_waits_for_nobody_and_nobody_for_it(database: Database, tmp_path: Path):
    """While somebody writes it sees what there was before; where nothing can be said, it says so at once."""
    with closing(sqlite3.connect(tmp_path / "rows", isolation_level=None, timeout=0)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        assert database.look_up(FIND, {"id": "a"}) == []
        writer.execute("ROLLBACK")
        assert writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
        writer.execute("ALTER TABLE images RENAME TO lost")
        assert database.look_up(FIND, {"id": "a"}) is None
        writer.execute("ALTER TABLE lost RENAME TO images")
        assert database.look_up(FIND, {"id": "a"}) == []


def test_a_look_up_writes_nothing(database: Database):
    assert database.look_up(text("DELETE FROM images"), {}) is None


def test_a_look_up_follows_the_file_that_is_put_in_the_databases_place(database: Database, tmp_path: Path):
    with database.transaction() as connection:
        Images(database).add(connection, IMAGES[0])
    assert database.look_up(FIND, {"id": IMAGES[0].id}) == [(IMAGES[0].id,)]
    (tmp_path / "other").mkdir()
    open_database(tmp_path / "other").close()
    for log in ("rows-wal", "rows-shm"):
        (tmp_path / log).unlink()
    (tmp_path / "other" / "rows").rename(tmp_path / "rows")
    assert database.look_up(FIND, {"id": IMAGES[0].id}) == []
    (tmp_path / "rows").unlink()
    assert database.look_up(FIND, {"id": IMAGES[0].id}) is None


def test_a_transaction_follows_the_file_that_is_put_in_the_databases_place(database: Database, tmp_path: Path):
    """What is written to a file that has lost its name is lost."""
    assert database.plain is not None
    with database.plain.transaction() as transaction:
        Images(database).add(transaction, IMAGES[0])
    (tmp_path / "other").mkdir()
    open_database(tmp_path / "other").close()
    for log in ("rows-wal", "rows-shm"):
        (tmp_path / log).unlink()
    (tmp_path / "other" / "rows").rename(tmp_path / "rows")
    with database.plain.transaction() as transaction:
        Images(database).add(transaction, IMAGES[1])
    assert [row[0] for row in everything(database)["images"]] == [IMAGES[1].id]
    (tmp_path / "rows").unlink()
    with pytest.raises(FileNotFoundError), database.plain.transaction():
        pass
    assert not (tmp_path / "rows").exists()


def test_a_transaction_that_does_not_get_its_turn_in_time_says_so_and_the_next_works(tmp_path: Path):
    url = URL.create("sqlite", database=str(tmp_path / "rows"), query={"timeout": "0"})
    with closing(Database(url)) as database, closing(sqlite3.connect(tmp_path / "rows", isolation_level=None)) as other:
        assert database.plain is not None
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(OperationalError, match="locked"), database.plain.transaction():
            pass
        other.execute("ROLLBACK")
        with database.plain.transaction() as transaction:
            Images(database).add(transaction, IMAGES[0])
        assert [row[0] for row in everything(database)["images"]] == [IMAGES[0].id]
