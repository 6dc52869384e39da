"""Invariant 10, the free part: bytes stored first, then the row that makes them an image; ids are random."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from httpx2 import AsyncClient

from img402_mcp.host.cleanup import remove_expired_images, remove_orphans
from img402_mcp.host.db.database import Database
from img402_mcp.host.db.plain import Transaction
from img402_mcp.host.settings import HostSettings
from img402_mcp.host.storage.images import Images, StoredImage, new_id
from img402_mcp.host.storage.opening import open_blobs, open_store
from img402_mcp.host.storage.receive import Incoming
from img402_mcp.host.storage.spool import Body
from img402_mcp.host.storage.store import PendingImage, described
from img402_mcp.wire.img402 import FreeTerms
from tests.fakes.fixtures import Hosting, Names, Sample
from tests.fakes.uploads import upload_free

Settings = Callable[..., HostSettings]
NOW = datetime(2026, 2, 8, tzinfo=UTC)
WEEK = FreeTerms(max_bytes=1_000_000, days=7)

UPLOAD_FAILED = {
    "error": "upload_failed",
    "message": "The host could not store the image. Nothing was published; it is safe to try again.",
}


class Rooms:
    """The two stores of a host, without the host."""

    def __init__(self, settings: HostSettings) -> None:
        settings.data.mkdir()
        self.blobs = open_blobs(settings.blobs, settings.objects)
        self.images = Images(Database(settings.database))
        self.store = open_store(self.blobs, self.images.database)
        self._bodies: list[Body] = []

    def incoming(self, image: bytes) -> Incoming:
        self._bodies.append(Body(self.blobs.spool))
        incoming = Incoming(self._bodies[-1], 1_000_000)
        incoming.write(image)
        return incoming

    def close(self) -> None:
        self.store.close()
        self.images.database.close()
        for body in self._bodies:
            body.discard()

    async def store_upload(self, image: bytes, admit: Callable[[Transaction], None] = lambda _: None) -> StoredImage:
        incoming = self.incoming(image)

        def insert(transaction: Transaction, image: StoredImage) -> None:
            admit(transaction)
            self.images.add(transaction, image)

        return await self.store.put(
            PendingImage(incoming.body, lambda: described(incoming, NOW, WEEK), insert, nullcontext())
        )


@pytest.fixture
def rooms(settings: Settings):
    rooms = Rooms(settings())
    yield rooms
    rooms.close()


async def test_the_bytes_are_stored_when_the_row_is_added(rooms: Rooms, sample: Sample, on_disk: Names, rows: Names):
    seen: list[tuple[list[str], list[str]]] = []
    image = await rooms.store_upload(sample("plain.png"), admit=lambda _: seen.append((on_disk(), rows())))
    assert seen == [([image.name], [])]
    assert rows() == [image.name]


@pytest.mark.one_machine
async def test_a_crash_between_bytes_and_row_leaves_nothing_visible_and_is_cleaned_up(
    rooms: Rooms, sample: Sample, data: Path, on_disk: Names, rows: Names
):
    orphan = f"{new_id()}.png"
    rooms.blobs.put(orphan, sample("plain.png"))
    assert (on_disk(), rows(), rooms.images.find(orphan.partition(".")[0])) == ([orphan], [], None)
    kept, foreign = (await rooms.store_upload(sample("still.gif"))).name, "holiday.png"
    (data / "blobs" / "kept" / foreign).write_bytes(b"put here by somebody else")
    now = datetime.now(UTC)
    remove_orphans(rooms.images, rooms.blobs, now)
    assert set(on_disk()) == {orphan, kept, foreign}
    remove_orphans(rooms.images, rooms.blobs, now + timedelta(hours=2))
    assert set(on_disk()) == {kept, foreign}


def test_a_body_left_by_a_crash_is_cleaned_up_an_hour_later(rooms: Rooms, sample: Sample, on_disk: Names):
    left = rooms.incoming(sample("plain.png")).path
    remove_orphans(rooms.images, rooms.blobs, datetime.now(UTC))
    assert on_disk() == [left.name]
    os.utime(left, (0, 0))
    remove_orphans(rooms.images, rooms.blobs, datetime.now(UTC))
    assert on_disk() == []


async def test_the_cleanup_removes_row_and_bytes_of_every_expired_image(
    rooms: Rooms, sample: Sample, on_disk: Names, rows: Names
):
    for _ in range(3):
        await rooms.store_upload(sample("plain.png"))
    remove_expired_images(rooms.images, rooms.blobs, NOW + timedelta(days=7) - timedelta(milliseconds=1))
    assert len(on_disk()) == len(rows()) == 3
    remove_expired_images(rooms.images, rooms.blobs, NOW + timedelta(days=7))
    assert (on_disk(), rows()) == ([], [])


async def test_the_row_goes_before_the_bytes(rooms: Rooms, sample: Sample, on_disk: Names, rows: Names):
    names = [(await rooms.store_upload(sample("plain.png"))).name for _ in range(3)]
    removed = rooms.images.remove_expired(NOW + timedelta(days=8), at_most=2)
    assert len(removed) == 2
    assert set(names) == set(rows()) | set(removed)
    assert set(on_disk()) == set(names)


async def test_the_running_host_cleans_up_by_itself(
    hosting: Hosting, sample: Sample, clock: SimpleNamespace, on_disk: Names, rows: Names
):
    async with hosting() as client:
        await upload_free(client, sample("plain.png"))
    clock.now += timedelta(days=8)
    async with hosting() as client:
        while on_disk():  # each request gives the cleanup time to run
            await client.get("/aaaaaaaaaaaaa.png")
        assert rows() == []


@pytest.mark.one_machine
async def test_bytes_that_cannot_be_stored_get_no_row(
    client: AsyncClient, sample: Sample, data: Path, on_disk: Names, rows: Names
):
    shutil.rmtree(data / "blobs" / "kept")
    response = await upload_free(client, sample("plain.png"))
    assert (response.status_code, response.json()) == (500, UPLOAD_FAILED)
    assert (on_disk(), rows()) == ([], [])


@pytest.mark.one_machine
async def test_a_read_only_folder_answers_upload_failed(client: AsyncClient, sample: Sample, data: Path):
    shutil.rmtree(data / "blobs" / "kept")
    response = await upload_free(client, sample("plain.png"))
    assert (response.status_code, response.json()) == (500, UPLOAD_FAILED)


@pytest.mark.one_machine
async def test_a_row_that_cannot_be_added_leaves_nothing(
    client: AsyncClient, sample: Sample, data: Path, on_disk: Names, rows: Names
):
    with closing(sqlite3.connect(data / "index.sqlite")) as database:
        database.execute("ALTER TABLE images RENAME TO lost")
    response = await upload_free(client, sample("plain.png"))
    assert (response.status_code, response.json()) == (500, UPLOAD_FAILED)
    with closing(sqlite3.connect(data / "index.sqlite")) as database:
        database.execute("ALTER TABLE lost RENAME TO images")
    assert (on_disk(), rows()) == ([], [])


@pytest.mark.one_machine
async def test_readyz_reports_an_unreachable_database(client: AsyncClient, data: Path):
    assert (await client.get("/healthz")).json() == {"status": "ok"}
    with closing(sqlite3.connect(data / "index.sqlite")) as database:
        database.execute("ALTER TABLE images RENAME TO lost")
    response = await client.get("/readyz")
    assert (response.status_code, response.json()) == (
        503,
        {"error": "not_ready", "message": "The host cannot reach its database."},
    )
    assert (await client.get("/healthz")).status_code == 200


def test_ids_are_random_and_of_one_length():
    ids = {new_id() for _ in range(2000)}
    assert len(ids) == 2000
    assert {len(image_id) for image_id in ids} == {13}  # 13 * log2(36) = 67 bits
    assert set("".join(ids)) == set("abcdefghijklmnopqrstuvwxyz0123456789")
