"""The database's schema: its version, the steps from each version to the next, and tables that are missing.

A new table needs no step: it is made where it is missing, and an older program does not mind it. A change of a table
is a step, which loses nothing, and after it an older program refuses to start.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import Column, Connection, Engine, Integer, MetaData, Table, insert, inspect, select, update
from sqlalchemy.schema import CreateIndex, CreateTable

from img402_mcp.errors import SettingsError
from img402_mcp.host.db.engine import POSTGRESQL, SQLITE, take_exclusive_lock

Migration = Mapping[str, Sequence[str]]
"""Dialect -> statements. IF EXISTS belongs into them: a table may not be there yet, and is then made as it is now."""

_ONE_TABLE_OF_COUNTS = """\
CREATE TABLE IF NOT EXISTS daily_counts (day DATE, who VARCHAR(64), uploads BIGINT);
CREATE TABLE IF NOT EXISTS hourly_counts (hour BIGINT, who VARCHAR(64), requests BIGINT);
CREATE TABLE rate_counts (
    start BIGINT NOT NULL, who VARCHAR(64) NOT NULL, used BIGINT NOT NULL, PRIMARY KEY (start, who)
);
INSERT INTO rate_counts SELECT {start}, 'free ' || who, uploads FROM daily_counts;
INSERT INTO rate_counts SELECT hour, who, requests FROM hourly_counts;
DROP TABLE daily_counts;
DROP TABLE hourly_counts"""
STEPS: tuple[Migration, ...] = (
    # 2: counts go up to caps of 2^40.
    {
        POSTGRESQL: (
            "ALTER TABLE IF EXISTS daily_counts ALTER COLUMN uploads TYPE BIGINT",
            "ALTER TABLE IF EXISTS hourly_counts ALTER COLUMN requests TYPE BIGINT",
        )
    },
    # 3: one table of counts in place of two.
    {
        SQLITE: _ONE_TABLE_OF_COUNTS.format(start="CAST(strftime('%s', day) AS INTEGER) * 1000").split(";\n"),
        POSTGRESQL: _ONE_TABLE_OF_COUNTS.format(start="CAST(EXTRACT(EPOCH FROM day) AS BIGINT) * 1000").split(";\n"),
    },
)
FIRST = 1
_ANY_TABLE_OF_THE_FIRST = "images"

_VERSION = Table("schema_version", MetaData(), Column("version", Integer, nullable=False))


def prepare(engine: Engine, tables: MetaData, steps: Sequence[Migration] = STEPS) -> None:
    """All of it or nothing; workers that start at once wait for each other. SettingsError for a newer schema."""
    newest = FIRST + len(steps)
    with engine.begin() as connection:
        take_exclusive_lock(connection)
        connection.execute(CreateTable(_VERSION, if_not_exists=True))
        found = connection.execute(select(_VERSION.c.version)).scalar() or _unnumbered(connection, newest)
        if found > newest:
            raise _newer(engine, found, newest)
        for step in steps[found - FIRST :]:
            for statement in step.get(engine.dialect.name, ()):
                connection.exec_driver_sql(statement)
        if found < newest:
            connection.execute(update(_VERSION).values(version=newest))
        _create_missing(connection, tables)


def _unnumbered(connection: Connection, newest: int) -> int:
    """A database without a version is a new one, or older than versions are."""
    version = FIRST if inspect(connection).has_table(_ANY_TABLE_OF_THE_FIRST) else newest
    connection.execute(insert(_VERSION), {"version": version})
    return version


def _create_missing(connection: Connection, tables: MetaData) -> None:
    for table in tables.sorted_tables:
        connection.execute(CreateTable(table, if_not_exists=True))
        for index in table.indexes:
            connection.execute(CreateIndex(index, if_not_exists=True))


def _newer(engine: Engine, found: int, newest: int) -> SettingsError:
    return SettingsError(
        f"The database {engine.url!r} has schema version {found}, made by a newer img402-mcp; this one knows "
        f"versions up to {newest}. Run `pip install -U img402-mcp`, or name another database with IMG402_HOST_DATABASE."
    )
