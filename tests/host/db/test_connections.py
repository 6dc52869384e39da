"""No connection outlives its owner, even where the start or the end fails or a thread is late."""

import sqlite3
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, asynccontextmanager, closing
from pathlib import Path
from threading import Event
from types import SimpleNamespace

import pytest
from httpx2 import ASGITransport, AsyncClient
from sqlalchemy import Connection, text
from starlette.applications import Starlette

from img402_mcp.cli import main
from img402_mcp.errors import SettingsError
from img402_mcp.host.app import create_app
from img402_mcp.host.db.database import Database
from img402_mcp.host.payments.facilitators.play import Play
from img402_mcp.host.settings import HostSettings
from tests.fakes.keys import SELLING

Settings = Callable[..., HostSettings]
Open = Callable[[], set[str]]

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are read from Linux's /proc")


@pytest.fixture
def database(data: Path, settings: Settings) -> Database:
    data.mkdir()
    return Database(settings().database)


@asynccontextmanager
async def running(app: Starlette) -> AsyncIterator[AsyncClient]:
    transport = ASGITransport(app)
    async with app.router.lifespan_context(app), AsyncClient(transport=transport, base_url="http://h") as client:
        yield client


async def test_a_host_has_connections_while_it_runs(settings: Settings, open_databases: Open, data: Path):
    async with running(create_app(settings())) as client:
        assert (await client.get("/readyz")).status_code == 200
        assert str(data / "index.sqlite") in open_databases()
    assert open_databases() == set()


def test_an_application_that_never_runs_has_none(settings: Settings, open_databases: Open):
    create_app(settings(**SELLING, IMG402_HOST_METRICS="127.0.0.1:9402"))
    assert open_databases() == set()


def newer(data: Path) -> None:
    with closing(sqlite3.connect(data / "index.sqlite")) as rows:
        rows.execute("CREATE TABLE schema_version (version INTEGER NOT NULL)")
        rows.execute("INSERT INTO schema_version VALUES (99)")
        rows.commit()


def damaged(data: Path) -> None:
    (data / "index.sqlite").write_bytes(b"no database at all, but long enough for a header" * 40)


def without_a_secret(data: Path) -> None:
    (data / "secret").mkdir()


@pytest.mark.parametrize("broken", [newer, damaged, without_a_secret])
def test_a_start_that_fails_leaves_none(
    data: Path, settings: Settings, open_databases: Open, broken: Callable[[Path], None]
):
    data.mkdir()
    broken(data)
    with pytest.raises(SettingsError):
        create_app(settings())
    assert open_databases() == set()


class Failing(Play):
    async def aclose(self) -> None:
        raise OSError("The facilitator cannot be closed.")


async def ended(app: Starlette) -> None:
    async with running(app) as client:
        assert (await client.get("/readyz")).status_code == 200


async def test_an_end_that_fails_leaves_none(
    settings: Settings, database: Database, open_databases: Open, clock: SimpleNamespace
):
    app = create_app(settings(**SELLING), facilitator=Failing(database, lambda: clock.now))
    with pytest.raises(OSError, match="cannot be closed"):
        await ended(app)
    assert open_databases() == set()


@pytest.mark.parametrize("used", [Database.reading, Database.transaction])
def test_a_thread_that_is_still_busy_when_the_host_ends_leaves_none(
    database: Database, open_databases: Open, used: Callable[[Database], AbstractContextManager[Connection]]
):
    begun, closed = Event(), Event()

    def work() -> object:
        with used(database) as connection:
            begun.set()
            assert closed.wait(10)
            return connection.execute(text("SELECT 1")).scalar()

    with ThreadPoolExecutor() as pool:
        found = pool.submit(work)
        assert begun.wait(10)
        database.close()
        closed.set()
        assert found.result() == 1
    assert open_databases() == set()


@pytest.mark.parametrize("used", [Database.reading, Database.transaction])
def test_a_thread_that_comes_after_the_end_leaves_none(
    database: Database, open_databases: Open, used: Callable[[Database], AbstractContextManager[Connection]]
):
    database.close()
    with used(database) as connection:
        assert connection.execute(text("SELECT 1")).scalar() == 1
    assert open_databases() == set()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        pytest.param(["agents", "add", "painter"], 0, id="done"),
        pytest.param(["images", "delete", "aaaaaaaaaaaaa"], 1, id="nothing-to-do"),
    ],
)
def test_the_commands_of_an_administrator_leave_none(data: Path, open_databases: Open, words: list[str], code: int):
    assert main.run(["host", "admin", *words, "--data", str(data)]) == code
    assert open_databases() == set()


def test_a_command_of_an_administrator_that_fails_leaves_none(data: Path, open_databases: Open):
    with pytest.raises(SettingsError):
        main.run(["host", "admin", "agents", "renew", "nobody", "--data", str(data)])
    assert open_databases() == set()
