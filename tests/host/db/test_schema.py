"""Schema versions: upgrades lose nothing, are all or nothing, and an older program refuses a newer schema."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, MetaData
from sqlalchemy.exc import SQLAlchemyError

from img402_mcp.errors import SettingsError
from img402_mcp.formats import PNG
from img402_mcp.host.apis.io42.accounts import Io42Accounts
from img402_mcp.host.apis.studio.accounts import StudioAccounts
from img402_mcp.host.app import create_app
from img402_mcp.host.db.database import Database
from img402_mcp.host.db.engine import POSTGRESQL, SQLITE, open_engine
from img402_mcp.host.db.schema import STEPS, Migration, prepare
from img402_mcp.host.payments.records import ONCE, PaymentRecords
from img402_mcp.host.settings import HostSettings
from img402_mcp.host.storage.images import Images, StoredImage
from img402_mcp.host.storage.quota import stored_usage

NEWEST = 1 + len(STEPS)
OLDER = Path(__file__).parents[2] / "older_state"
NOT_FOR_A_TRANSACTION = {"BEGIN TRANSACTION;", "COMMIT;", "PRAGMA user_version = 0;"}
MOMENT = datetime(2026, 2, 8, 12, tzinfo=UTC)

# The first version's tables, of those that a later step has changed.
FIRST = """
CREATE TABLE images (id VARCHAR(32) NOT NULL, extension VARCHAR(8) NOT NULL, size_bytes BIGINT NOT NULL,
    created_at BIGINT NOT NULL, expires_at BIGINT, paid BOOLEAN NOT NULL, PRIMARY KEY (id));
CREATE INDEX ix_images_expires_at ON images (expires_at);
CREATE TABLE daily_counts (day DATE NOT NULL, who VARCHAR(64) NOT NULL, uploads INTEGER NOT NULL,
    PRIMARY KEY (day, who));
INSERT INTO images VALUES ('aaaaaaaaaaaaa', 'png', 5, 1770552000000, NULL, TRUE);
INSERT INTO daily_counts VALUES ('2026-02-08', '*', 3)
"""


@pytest.fixture
def engine(data: Path, settings: Callable[..., HostSettings]) -> Iterator[Engine]:
    data.mkdir()
    engine = open_engine(settings().database)
    yield engine
    engine.dispose()


def run(engine: Engine, statements: str) -> None:
    with engine.begin() as connection:
        for statement in filter(str.strip, statements.split(";\n")):
            connection.exec_driver_sql(statement)


def version(engine: Engine) -> list[int]:
    with engine.connect() as connection:
        return list(connection.exec_driver_sql("SELECT version FROM schema_version").scalars())


def names_of(engine: Engine) -> set[str]:
    with engine.connect() as connection:
        return set(connection.exec_driver_sql("SELECT id FROM images").scalars())


def counts_in(engine: Engine) -> set[tuple[int, str, int]]:
    """Ids of agents and tokens, which each older database has of its own, as ID."""
    with engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT start, who, used FROM rate_counts").all()
    return {(start, re.sub(r" \w{13}$", " ID", who), used) for start, who, used in rows}


def adding(column: str) -> Migration:
    return dict.fromkeys((SQLITE, POSTGRESQL), (f"ALTER TABLE images ADD COLUMN {column} VARCHAR(8)",))


def test_a_new_database_has_the_newest_version(engine: Engine):
    Database(engine.url).close()
    Database(engine.url).close()
    assert version(engine) == [NEWEST]


def test_a_database_without_a_version_counts_as_the_first_and_loses_nothing(engine: Engine):
    run(engine, FIRST)
    database = Database(engine.url)
    assert (version(engine), Images(database).find("aaaaaaaaaaaaa")) == (
        [NEWEST],
        StoredImage("aaaaaaaaaaaaa", PNG, 5, MOMENT, None, paid=True),
    )
    with database.transaction() as connection:
        connection.exec_driver_sql("UPDATE rate_counts SET used = 1099511627776 + used")
    database.close()
    assert counts_in(engine) == {(1770508800000, "free *", 1099511627779)}


def test_an_older_versions_database_is_upgraded_and_works(engine: Engine):
    """It holds a free and a paid image, a submission with its fee, an input and its token, and what they count."""
    dump = (OLDER / f"host_{engine.dialect.name}.sql").read_text(encoding="utf-8")
    run(engine, "".join(line for line in dump.splitlines(keepends=True) if line.strip() not in NOT_FOR_A_TRANSACTION))
    database = Database(engine.url)
    accounts, records = Io42Accounts(database, lambda: MOMENT), PaymentRecords(database, lambda: MOMENT)
    fee = records.sold(f"{ONCE}io42 sub_1")
    found = {
        "version": version(engine),
        "images": [(each.kind, each.images, each.size_bytes) for each in stored_usage(database)],
        "agents": [each["agent"] for each in accounts.agents()],
        "projects": [(each["project"], each["fee"], each["status"]) for each in accounts.projects()],
        "submissions": [(each["submission"], each["file_type"]) for each in accounts.submissions()],
        "tokens": [(each["name"], each["may_upload"]) for each in StudioAccounts(database, lambda: MOMENT).tokens()],
        "fee": fee and (fee.amount, fee.paid),
    }
    database.close()
    assert found == {
        "version": [NEWEST],
        "images": [("free", 1, 1217), ("paid", 1, 525), ("private", 2, 1763)],
        "agents": ["painter"],
        "projects": [("logos", "0.25", "open")],
        "submissions": [("sub_1", "image/png")],
        "tokens": [("app", True)],
        "fee": (250_000, True),
    }
    day, hour = 1736899200000, 1736942400000
    assert counts_in(engine) == {
        (day, "free *", 1),
        (day, "free 127.0.0.1", 1),
        *((hour, f"io42 {who}", 2) for who in ("*", "ID")),
        *((hour, f"studio {who}", 1) for who in ("*", "ID")),
    }


def test_each_step_runs_once_and_in_order(engine: Engine):
    run(engine, FIRST)
    prepare(engine, MetaData(), [adding("one")])
    assert version(engine) == [2]
    prepare(engine, MetaData(), [adding("one"), adding("two"), adding("three")])
    prepare(engine, MetaData(), [adding("one"), adding("two"), adding("three")])
    run(engine, "UPDATE images SET one = 'a', two = 'b', three = 'c'")
    assert (version(engine), names_of(engine)) == ([4], {"aaaaaaaaaaaaa"})


def test_steps_that_fail_halfway_leave_nothing(engine: Engine):
    run(engine, FIRST)
    prepare(engine, MetaData(), [])
    with pytest.raises(SQLAlchemyError, match="no_such_table"):
        prepare(engine, MetaData(), [adding("one"), dict.fromkeys((SQLITE, POSTGRESQL), ("DROP TABLE no_such_table",))])
    assert version(engine) == [1]
    prepare(engine, MetaData(), [adding("one")])


def test_workers_that_start_together_run_each_step_once(engine: Engine):
    run(engine, FIRST)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: prepare(engine, MetaData(), [adding("one"), adding("two")]), range(6)))
    assert version(engine) == [3]


def test_a_newer_schema_is_refused_and_left_alone(
    engine: Engine, settings: Callable[..., HostSettings], monkeypatch: pytest.MonkeyPatch
):
    Database(engine.url).close()
    run(engine, "UPDATE schema_version SET version = 99")
    with pytest.raises(SettingsError) as refused:
        create_app(settings())
    assert str(refused.value) == (
        f"The database {engine.url!r} has schema version 99, made by a newer img402-mcp; this one knows versions up "
        f"to {NEWEST}. Run `pip install -U img402-mcp`, or name another database with IMG402_HOST_DATABASE."
    )
    assert version(engine) == [99]
