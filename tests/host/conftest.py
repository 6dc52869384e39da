import hashlib
import os
import socket
import struct
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    AsyncExitStack,
    ExitStack,
    asynccontextmanager,
)
from datetime import UTC, datetime
from functools import partial
from itertools import cycle
from pathlib import Path
from queue import Queue
from types import SimpleNamespace

import pytest
from httpx2 import ASGITransport, AsyncBaseTransport, AsyncClient, Request, Response
from sqlalchemy import NullPool, create_engine, make_url
from starlette.applications import Starlette

from img402_mcp.host.apis.io42.accounts import Io42Accounts
from img402_mcp.host.apis.studio.accounts import StudioAccounts
from img402_mcp.host.app import create_app
from img402_mcp.host.db.database import Database
from img402_mcp.host.settings import HostSettings, host_settings
from img402_mcp.host.storage.opening import open_blobs
from tests.fakes.folders import in_memory
from tests.fakes.pictures import png
from tests.fakes.plain_server import serve
from tests.fakes.program import started

PUBLIC_URL = "https://i.example"


@pytest.fixture
def clock() -> SimpleNamespace:
    """The host's current time; a test moves it by setting `clock.now`."""
    return SimpleNamespace(now=datetime(2026, 2, 8, 12, 0, 0, 123_456, UTC))


@pytest.fixture
def data() -> Iterator[Path]:
    """A host's data folder in memory, since most of the time would go to fsync."""
    with in_memory() as folder:
        yield folder / "data"


@pytest.fixture(scope="session")
def shared_stores() -> Callable[[Path], dict[str, str]]:
    """The settings of stores that several machines could share, separate for each data folder.

    Empty, so that everything is in the data folder, unless IMG402_TEST_DATABASE (a PostgreSQL that may be filled) and
    IMG402_TEST_BLOBS (an object store's URL) name some.
    """
    database, blobs = os.environ.get("IMG402_TEST_DATABASE"), os.environ.get("IMG402_TEST_BLOBS")
    if not database or not blobs:
        return lambda _: {}

    def stores(data: Path) -> dict[str, str]:
        name = f"t{hashlib.sha256(str(data).encode()).hexdigest()[:16]}"
        own = make_url(database).update_query_dict({"options": f"-csearch_path={name}"})
        engine = create_engine(database, isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {name}")
        return {
            "IMG402_HOST_DATABASE": own.render_as_string(hide_password=False),
            "IMG402_HOST_BLOBS": f"{blobs}/{name}",
            "IMG402_HOST_SECRET": "the same on each of the machines",
        }

    return stores


@pytest.fixture
def settings(data: Path, shared_stores: Callable[[Path], dict[str, str]]) -> Callable[..., HostSettings]:
    """Settings with the test's own data folder: `settings(IMG402_HOST_FREE_DAYS="0")`."""
    stores = shared_stores(data)
    small = {"IMG402_HOST_MIN_FREE_BYTES": "0"}  # the disk may be memory, and small
    return lambda **environ: host_settings({**small, **stores, **environ}, data=data, public_url=PUBLIC_URL)


class InTurn(AsyncBaseTransport):
    """Each request goes to the next one."""

    def __init__(self, transports: Iterable[AsyncBaseTransport]) -> None:
        self._turns = cycle(transports)

    async def handle_async_request(self, request: Request) -> Response:
        return await next(self._turns).handle_async_request(request)


@pytest.fixture
def workers(
    shared_stores: Callable[[Path], dict[str, str]], data: Path
) -> Callable[[Callable[[], Starlette]], AbstractAsyncContextManager[AsyncClient]]:
    """`async with workers(make) as client`: a client of one app; over shared stores, of two of them in turn."""
    how_many = 2 if shared_stores(data) else 1

    @asynccontextmanager
    async def running(make: Callable[[], Starlette]) -> AsyncGenerator[AsyncClient]:
        apps = [make() for _ in range(how_many)]
        async with AsyncExitStack() as stack:
            for app in apps:
                await stack.enter_async_context(app.router.lifespan_context(app))
            transport = InTurn([ASGITransport(app) for app in apps])
            yield await stack.enter_async_context(AsyncClient(transport=transport, base_url=PUBLIC_URL))

    return running


@pytest.fixture
def hosting(
    settings: Callable[..., HostSettings],
    clock: SimpleNamespace,
    workers: Callable[[Callable[[], Starlette]], AbstractAsyncContextManager[AsyncClient]],
) -> Callable[..., AbstractAsyncContextManager[AsyncClient]]:
    """`async with hosting(IMG402_HOST_FREE_DAYS="0") as client`: a whole host in memory, and a client of it."""
    return lambda **environ: workers(lambda: create_app(settings(**environ), now=lambda: clock.now))


@pytest.fixture
async def client(hosting: Callable[..., AbstractAsyncContextManager[AsyncClient]]) -> AsyncGenerator[AsyncClient]:
    async with hosting() as running:
        yield running


@pytest.fixture
def database(settings: Callable[..., HostSettings], data: Path) -> Iterator[Database]:
    """The same database, opened separately."""
    data.mkdir(exist_ok=True)
    database = Database(settings().database)
    yield database
    database.close()


@pytest.fixture
def accounts(database: Database, clock: SimpleNamespace) -> Io42Accounts:
    """The operator's commands for io42, over the same data."""
    return Io42Accounts(database, lambda: clock.now)


@pytest.fixture
def tokens(database: Database, clock: SimpleNamespace) -> StudioAccounts:
    """The same for the studio."""
    return StudioAccounts(database, lambda: clock.now)


def _jpeg(width: int, height: int, metadata: int) -> bytes:
    """As far as its structure goes."""
    more = b"".join(b"\xff\xe1" + struct.pack(">H", 50_002) + bytes(50_000) for _ in range(metadata))
    frame = b"\xff\xc0" + struct.pack(">HBHHB", 11, 8, height, width, 1) + b"\x01\x11\x00"
    scan = b"\xff\xda" + struct.pack(">HB", 8, 1) + b"\x01\x00\x00\x3f\x00" + bytes(200)
    return b"\xff\xd8" + more + frame + scan + b"\xff\xd9"


def _webp(width: int, height: int, kind: bytes) -> bytes:
    """As far as its structure goes."""
    body = {
        b"VP8X": b"VP8X" + struct.pack("<IIHBHB", 10, 0, width - 1, 0, height - 1, 0) + b"VP8 \0\0\0\0",
        b"VP8L": b"VP8L" + struct.pack("<IBI", 106, 0x2F, width - 1 | (height - 1) << 14) + bytes(101),
        b"VP8 ": b"VP8 " + struct.pack("<I3s3sHH", 110, b"\x10\0\0", b"\x9d\x01\x2a", width, height) + bytes(100),
    }[kind]
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


@pytest.fixture(scope="session")
def picture() -> Callable[..., bytes]:
    """`picture(120, 100)`: a PNG; `picture(120, 100, size=5000)`: one of exactly so many bytes."""
    return lambda width=120, height=100, size=0: png(width, height, size=size)


@pytest.fixture(scope="session")
def other_pictures() -> SimpleNamespace:
    """`.jpeg(width, height, metadata=n)`, with n * 50 KB before the frame; `.webp(width, height, b"VP8X")`."""
    return SimpleNamespace(jpeg=_jpeg, webp=_webp)


@pytest.fixture
def rows(settings: Callable[..., HostSettings]) -> Callable[[], list[str]]:
    """The names of the images that have a row."""
    engine = create_engine(settings().database, poolclass=NullPool)

    def names() -> list[str]:
        with engine.connect() as connection:
            return [row[0] for row in connection.exec_driver_sql("SELECT id || '.' || extension FROM images")]

    return names


@pytest.fixture
def on_disk(settings: Callable[..., HostSettings]) -> Callable[[], list[str]]:
    """Everything in the blob store, partly received bodies included."""
    stores, future = settings(), datetime(9000, 1, 1, tzinfo=UTC)

    def names() -> list[str]:
        kept = open_blobs(stores.blobs, stores.objects).sizes(future) if stores.objects else ()
        return sorted([*dict(kept), *(path.name for path in stores.blobs.rglob("*") if path.is_file())])

    return names


def put_all(log: Queue[str], lines: Iterable[str]) -> None:
    for line in lines:
        log.put(line)


@pytest.fixture(scope="session")
def starting(
    shared_stores: Callable[[Path], dict[str, str]], reading: Callable[..., AbstractContextManager[None]]
) -> Iterator[Callable[[Path], SimpleNamespace]]:
    """Starts a real server: `.url`, `.address`, `.data`, `.settings`, `.pid`; `.line(part)`: the next such log line."""
    with ExitStack() as stack:

        def start(data: Path) -> SimpleNamespace:
            environ = {**os.environ, **shared_stores(data), "IMG402_HOST_DATA": str(data)}
            server = stack.enter_context(started(environ=environ, main=serve))
            url = next(line for line in server.stdout or () if line.startswith("http://")).strip()
            log: Queue[str] = Queue()
            stack.enter_context(reading(server.stdout, partial(put_all, log)))
            stack.callback(server.terminate)
            return SimpleNamespace(
                url=url,
                address=("127.0.0.1", int(url.rpartition(":")[2])),
                data=data,
                settings=host_settings(environ, default_public_url=url),
                pid=server.pid,
                line=lambda part: next(line for line in iter(partial(log.get, timeout=20), None) if part in line),
            )

        yield start


@pytest.fixture(scope="session")
def server(starting: Callable[[Path], SimpleNamespace], tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    return starting(tmp_path_factory.mktemp("server"))


@pytest.fixture
def connected(server: SimpleNamespace) -> Iterator[socket.socket]:
    """A bare connection to the real server."""
    with socket.create_connection(server.address, timeout=8) as connection:
        yield connection
