"""Disk and database fail while the host runs: it says so, serves nothing partial, and recovers when they are back."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from httpx2 import AsyncClient

from img402_mcp.host.apis.io42.accounts import Io42Accounts
from img402_mcp.host.apis.studio.accounts import StudioAccounts
from tests.fakes.fixtures import Hosting, Names, Picture, Sample
from tests.fakes.io42_agent import Io42Agent, promise
from tests.fakes.uploads import upload_free

UPLOAD_FAILED = {
    "error": "upload_failed",
    "message": "The host could not store the image. Nothing was published; it is safe to try again.",
}


@contextmanager
def gone(path: Path) -> Iterator[None]:
    """As when a disk is unmounted and comes back."""
    path.rename(path.with_name("elsewhere"))
    yield
    path.with_name("elsewhere").rename(path)


@contextmanager
def a_file_in_its_place(path: Path) -> Iterator[None]:
    with gone(path):
        path.write_bytes(b"")
        yield
        path.unlink()


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Locked by another process, as during a backup."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield


@contextmanager
def damaged(database: Path) -> Iterator[None]:
    """The tables' pages are overwritten."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    good = database.read_bytes()
    with database.open("r+b") as file:
        file.write(b"no database" * (len(good) // 11))
    yield
    with database.open("r+b") as file:
        file.write(good)


FAULTS = [
    pytest.param(gone, "blobs/kept", id="the-images-folder-is-gone"),
    pytest.param(gone, "blobs", id="the-blobs-are-gone"),
    pytest.param(a_file_in_its_place, "blobs/kept", id="the-images-folder-is-a-file"),
    pytest.param(a_file_in_its_place, "blobs", id="the-blobs-are-a-file"),
    pytest.param(locked, "index.sqlite", id="the-database-is-locked"),
    pytest.param(damaged, "index.sqlite", id="the-database-is-damaged"),
    pytest.param(gone, "index.sqlite", id="the-database-is-gone"),
]


@pytest.fixture
async def client(hosting: Hosting, data: Path):
    async with hosting(IMG402_HOST_DATABASE=f"sqlite:///{data}/index.sqlite?timeout=0.1") as running:
        yield running


@pytest.mark.parametrize(("fault", "where"), FAULTS)
async def test_a_fault_is_reported_nothing_partial_is_served_and_the_host_recovers(
    client: AsyncClient, sample: Sample, data: Path, rows: Names, fault, where
):
    first = (await upload_free(client, sample("plain.png"))).json()["url"]
    before = rows()
    with fault(data / where):
        answers = [await upload_free(client, sample("plain.png")) for _ in range(3)]
        assert [(answer.status_code, answer.json()) for answer in answers] == [(500, UPLOAD_FAILED)] * 3
        unknown = await client.get("/aaaaaaaaaaaaa.png")
        assert unknown.status_code in {404, 503}
    assert rows() == before
    assert (await upload_free(client, sample("still.gif"))).status_code == 200
    assert (await client.get(first)).content == sample("plain.png")
    assert (await client.get("/healthz")).status_code == 200


@pytest.mark.one_machine
async def test_each_api_says_in_its_own_form_that_it_could_not_store(
    client: AsyncClient, accounts: Io42Accounts, tokens: StudioAccounts, picture: Picture, data: Path
):
    agent = Io42Agent(client, accounts.add_agent("bot")["key"], "logos", "sub_1")
    bearer = {"Authorization": f"Bearer {tokens.add_token('app', may_upload=True)['token']}"}
    accounts.add_project("logos", "0", "open", "image")
    accounts.add_submission("sub_1", "logos", "bot")
    image, again = (
        picture(),
        "The host could not store this. Send the same request again; it will not be charged twice.",
    )
    slot = (await agent.ask(promise(image))).json()["data"]
    with locked(data / "index.sqlite"):
        asked = await agent.ask(promise(image))
    with gone(data / "blobs"):
        put = await agent.put(slot["uploadUrl"], image)
        input_ = await client.post("/v1/uploads", files={"file": image}, headers=bearer)
    assert [(answer.status_code, answer.json()) for answer in (asked, put, input_)] == [
        (500, {"success": False, "error": {"code": "UPLOAD_FAILED", "message": again}}),
        (500, UPLOAD_FAILED | {"message": "The host could not store the file. Put it again, to the same URL."}),
        (500, {"detail": "The host could not store the image; it is safe to try again."}),
    ]


async def test_the_wait_for_another_writer_is_set_in_the_url(client: AsyncClient, sample: Sample, data: Path):
    start = time.monotonic()
    with locked(data / "index.sqlite"):
        assert (await upload_free(client, sample("plain.png"))).status_code == 500
    assert time.monotonic() - start < 5  # 30 by default


async def test_a_database_replaced_by_its_backup_is_picked_up(
    client: AsyncClient, sample: Sample, data: Path, rows: Names
):
    """While the host runs: it notices that the file was replaced."""
    kept = (await upload_free(client, sample("plain.png"))).json()["url"]
    with closing(sqlite3.connect(data / "index.sqlite")) as database, closing(sqlite3.connect(data / "copy")) as copy:
        database.backup(copy)
    later = (await upload_free(client, sample("plain.png"))).json()["url"]
    for log in ("index.sqlite-wal", "index.sqlite-shm"):
        (data / log).unlink()
    (data / "copy").rename(data / "index.sqlite")
    assert rows() == [kept.rpartition("/")[2]]
    assert [(await client.get(url)).status_code for url in (kept, later)] == [200, 404]
    assert (await upload_free(client, sample("plain.png"))).status_code == 200
    assert len(rows()) == 2
