import os
import socket
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from httpx2 import ASGITransport, AsyncClient

from img402_mcp.host.app import create_app
from img402_mcp.host.settings import HostSettings, host_settings

PUBLIC_URL = "https://i.example"

# Prints its URL, then one line for each request, until it is told to stop.
SERVER = """
import logging, os, socket, sys
import uvicorn
from img402_mcp.host.app import create_app
from img402_mcp.host.settings import host_settings

listening = socket.create_server(("127.0.0.1", 0))
url = "http://127.0.0.1:%d" % listening.getsockname()[1]
logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(message)s")
app = create_app(host_settings(os.environ, default_public_url=url))
print(url, flush=True)
config = uvicorn.Config(app, log_config=None, access_log=False, proxy_headers=False, log_level="warning")
uvicorn.Server(config).run(sockets=[listening])
"""


@pytest.fixture
def clock() -> SimpleNamespace:
    """What the host takes for now; a test moves it by setting `clock.now`."""
    return SimpleNamespace(now=datetime(2026, 2, 8, 12, 0, 0, 123_456, UTC))


@pytest.fixture
def data() -> Iterator[Path]:
    """A host's data folder; in memory where the system has a place for that, since most of the time goes to fsync."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        yield Path(folder) / "data"


@pytest.fixture
def settings(data: Path) -> Callable[..., HostSettings]:
    """Settings with a data folder of the test's own: `settings(IMG402_HOST_FREE_DAYS="0")`."""
    return lambda **environ: host_settings(environ, data=data, public_url=PUBLIC_URL)


@pytest.fixture
def hosting(
    settings: Callable[..., HostSettings], clock: SimpleNamespace
) -> Callable[..., AbstractAsyncContextManager[AsyncClient]]:
    """`async with hosting(IMG402_HOST_FREE_DAYS="0") as client`: a whole host in memory, and a client of it."""

    @asynccontextmanager
    async def running(**environ: str) -> AsyncGenerator[AsyncClient]:
        app = create_app(settings(**environ), now=lambda: clock.now)
        async with (
            app.router.lifespan_context(app),
            AsyncClient(transport=ASGITransport(app), base_url=PUBLIC_URL) as client,
        ):
            yield client

    return running


@pytest.fixture
async def client(hosting: Callable[..., AbstractAsyncContextManager[AsyncClient]]) -> AsyncGenerator[AsyncClient]:
    async with hosting() as running:
        yield running


@pytest.fixture
def rows(data: Path) -> Callable[[], list[str]]:
    """The names of the images that have a row."""

    def names() -> list[str]:
        with closing(sqlite3.connect(data / "index.sqlite")) as database:
            return [row[0] for row in database.execute("SELECT id || '.' || extension FROM images")]

    return names


@pytest.fixture
def on_disk(data: Path) -> Callable[[], list[str]]:
    """Every file of the blobs' folder, half received ones too."""
    return lambda: sorted(path.name for path in (data / "blobs").rglob("*") if path.is_file())


@pytest.fixture(scope="session")
def starting() -> Iterator[Callable[[Path], SimpleNamespace]]:
    """Starts a real server: `.url`, `.address`, `.data`, `.pid`; `.line(part)`, its next log line with that part."""
    servers: list[subprocess.Popen[str]] = []

    def start(data: Path) -> SimpleNamespace:
        environ = {**os.environ, "IMG402_HOST_DATA": str(data)}
        server = subprocess.Popen(
            [sys.executable, "-c", SERVER], env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        servers.append(server)
        output = server.stdout
        assert output is not None
        url = next(line for line in output if line.startswith("http://")).strip()  # behind what it logs at its start
        return SimpleNamespace(
            url=url,
            address=("127.0.0.1", int(url.rpartition(":")[2])),
            data=data,
            pid=server.pid,
            line=lambda part: next(line for line in output if part in line),
        )

    yield start
    for server in servers:
        server.terminate()
        server.communicate(timeout=10)


@pytest.fixture(scope="session")
def server(starting: Callable[[Path], SimpleNamespace], tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    return starting(tmp_path_factory.mktemp("server"))


@pytest.fixture
def connected(server: SimpleNamespace) -> Iterator[socket.socket]:
    """A bare connection to the real server."""
    with socket.create_connection(server.address, timeout=8) as connection:
        yield connection
