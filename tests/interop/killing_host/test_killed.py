"""kill -9 in the middle of a hundred uploads: what was answered is there and whole, nothing else outlives the sweep.

KILL_ROUNDS and KILL_SEED say more.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

import anyio
import pytest
from httpx2 import AsyncClient, HTTPError, Limits, get
from sqlalchemy import text

from img402_mcp.host.cleanup import GRACE, remove_orphans
from img402_mcp.host.db.database import Database
from img402_mcp.host.settings import HostSettings, host_settings
from img402_mcp.host.storage.blobs.folder import Folder
from img402_mcp.host.storage.images import Images

ROUNDS, SEED = int(os.environ.get("KILL_ROUNDS", "20")), os.environ.get("KILL_SEED", "42")
TOGETHER = 100
STOP_WITHIN = 3  # seconds that a host told to stop gives to what is in hand


class Uploads:
    """What was sent to one life of a host, and what it said."""

    def __init__(self, url: str, pictures: list[bytes]) -> None:
        self.sent = {sha256(picture).hexdigest(): picture for picture in pictures}
        self.answered: dict[str, str] = {}
        self._url = f"{url}/api/free"

    async def run(self, then: Callable[[], Any], *, after: int) -> None:
        """Sends all at once; `then` runs when so many were answered."""
        limits, enough = Limits(max_connections=None), anyio.Event()
        async with AsyncClient(limits=limits, timeout=20) as client, anyio.create_task_group() as tasks:
            for digest in self.sent:
                tasks.start_soon(self._upload, client, digest, after, enough)
            await enough.wait()
            then()

    async def _upload(self, client: AsyncClient, digest: str, after: int, enough: anyio.Event) -> None:
        try:
            answer = await client.post(self._url, files={"image": self.sent[digest]})
        except HTTPError:
            return
        if answer.status_code == 200:
            self.answered[answer.json()["url"].rpartition("/")[2]] = digest
        if len(self.answered) >= after:
            enough.set()


@pytest.fixture
def pictures(picture_of: Callable[..., bytes]) -> Callable[[Random], list[bytes]]:
    """A hundred different ones, of 100 bytes to 300 KB."""
    return lambda chance: [
        picture_of(100 + number, 100, padding=chance.choice((0, 30_000, 300_000))) for number in range(TOGETHER)
    ]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all rounds: each starts on what the kill before left."""
    return tmp_path_factory.mktemp("killed")


@pytest.fixture(scope="module")
def known() -> dict[str, str]:
    """Name -> sha256 of every image that a life before has answered."""
    return {}


def opened(data: Path) -> Iterator[tuple[HostSettings, Database, Folder]]:
    settings = host_settings({}, data=data, default_public_url="http://127.0.0.1")
    with closing(Database(settings.database)) as database:
        yield settings, database, Folder(settings.blobs)


def visible(database: Database, blobs: Folder) -> dict[str, str]:
    """Name -> sha256 of what a row makes an image."""
    with database.reading() as connection:
        rows = connection.execute(text("SELECT id || '.' || extension, size_bytes FROM images")).all()
    return {name: sha256(blobs.read(name, 0, size + 1)).hexdigest() for name, size in rows}


def on_disk(data: Path) -> set[str]:
    return {path.name for path in (data / "blobs").rglob("*") if path.is_file()}


def ask_until(end: float, url: str) -> None:
    """A host looks for signals ten times a second, and by then it may have answered all uploads."""
    while time.monotonic() < end:
        get(url)


@pytest.mark.parametrize("number", range(ROUNDS))
async def test_what_was_answered_is_whole_and_nothing_else_stays(number, data, known, living, pictures):
    chance = Random(f"{SEED}-{number}")
    life = living(data, IMG402_HOST_FREE_DAILY="0", IMG402_HOST_FREE_DAILY_PER_ADDRESS="0")
    for name, digest in chance.sample(sorted(known.items()), min(20, len(known))):
        assert sha256(get(f"{life.url}/{name}").content).hexdigest() == digest
    uploads = Uploads(life.url, pictures(chance))
    await uploads.run(life.end, after=chance.randrange(1, TOGETHER - 10))
    for _, database, blobs in opened(data):
        images = visible(database, blobs)
        assert uploads.answered.items() <= images.items()
        assert known.items() <= images.items()
        assert {images[name] for name in images.keys() - known.keys()} <= uploads.sent.keys()
        remove_orphans(Images(database), blobs, datetime.now(UTC) + GRACE + timedelta(minutes=1))
        assert on_disk(data) == images.keys()
    known |= images


async def test_when_stopped_it_finishes_running_requests_accepts_no_new_ones_and_ends_in_time(
    tmp_path, living, pictures
):
    life = living(tmp_path, IMG402_HOST_FREE_DAILY_PER_ADDRESS="0")
    uploads, start = Uploads(life.url, pictures(Random(SEED))), time.monotonic()
    await uploads.run(lambda: os.kill(life.pid, signal.SIGTERM), after=10)
    with pytest.raises(HTTPError):
        ask_until(start + STOP_WITHIN, f"{life.url}/healthz")
    life.over = True
    assert life.end() in {0, -signal.SIGTERM}
    assert time.monotonic() - start < STOP_WITHIN + 10  # with a margin for a busy machine
    assert len(uploads.answered) >= 10
    for _, database, blobs in opened(tmp_path):
        assert visible(database, blobs) == uploads.answered
        assert on_disk(tmp_path) == uploads.answered.keys()
