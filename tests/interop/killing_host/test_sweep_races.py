"""Two hosts over one folder, writers and readers on both, and a third process that sweeps all the while.

The sweep is two days ahead: it takes what one host keeps for a day while that host still serves it, and nothing of
what the other keeps for seven.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import anyio
import pytest
from httpx2 import AsyncClient, HTTPError, RemoteProtocolError

SWEEPER = Path(__file__).parent / "sweeper.py"
WRITERS, EACH = 3, 12
LARGE = 3_000_000  # is read in several pieces
ENDLESS = {
    "IMG402_HOST_FREE_DAILY_PER_ADDRESS": "0",
    "IMG402_HOST_FREE_MAX_BYTES": "4000000",
}


@pytest.fixture
def sweeping(tmp_path: Path) -> Iterator[Callable[[], None]]:
    """Sweeps; called, it does so once more and ends."""
    command = [sys.executable, str(SWEEPER), str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"

        def last() -> None:
            process.stdin.write("stop\n")
            process.stdin.flush()
            assert process.wait(timeout=30) == 0

        yield last
        process.kill()


class Visitor:
    """Uploads to one host and reads all it knows of; keeps what each look showed."""

    def __init__(self, client: AsyncClient, url: str) -> None:
        self._client, self._url = client, url
        self.sent: dict[str, str] = {}
        self.seen: set[str] = set()

    async def write_and_read(self, pictures: list[bytes]) -> None:
        for picture in pictures:
            answer = await self._client.post(f"{self._url}/api/free", files={"image": picture})
            self.sent[answer.json()["url"]] = sha256(picture).hexdigest()
            for url in [*self.sent][-3:]:
                self.seen.add(await self._looked_at(url))

    async def _looked_at(self, url: str) -> str:
        try:
            answer = await self._client.get(url)
        except RemoteProtocolError:
            return "broken off"
        except HTTPError as error:
            return type(error).__name__
        if answer.status_code != 200:
            return str(answer.status_code)
        return "whole" if sha256(answer.content).hexdigest() == self.sent[url] else "half"


async def test_no_live_image_goes_and_nobody_reads_half_of_one(
    tmp_path: Path, living: Any, sweeping: Callable[[], None], picture_of: Callable[..., bytes]
):
    for_a_day = living(tmp_path, IMG402_HOST_FREE_DAYS="1", **ENDLESS)
    for_a_week = living(tmp_path, IMG402_HOST_FREE_DAYS="7", **ENDLESS)
    pictures = [picture_of(100, 100 + number, padding=(0, 90_000, LARGE)[number % 3]) for number in range(EACH)]
    async with AsyncClient(timeout=30) as client:
        shortly, lasting = Visitor(client, for_a_day.url), Visitor(client, for_a_week.url)
        async with anyio.create_task_group() as tasks:
            for visitor in [shortly, lasting] * WRITERS:
                tasks.start_soon(visitor.write_and_read, pictures)
    sweeping()
    kept = {path.name for path in (tmp_path / "blobs").rglob("*") if path.is_file()}
    assert lasting.seen == {"whole"}
    assert "404" in shortly.seen <= {"whole", "404", "broken off"}
    assert len(lasting.sent) == len(shortly.sent) == WRITERS * EACH
    assert kept == {url.rpartition("/")[2] for url in lasting.sent}
