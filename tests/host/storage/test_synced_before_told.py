"""Invariant 10, seen in system calls: an upload is confirmed after its bytes, its name and then its row are synced."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

UPLOADS = 16
# Uploads that share syncs and commits, every other one in a file; prints each name once it is stored.
KEEPING = """
import os, sys
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
import anyio
from img402_mcp.formats import PNG
from img402_mcp.host.db.database import Database
from img402_mcp.host.settings import host_settings
from img402_mcp.host.storage.images import Images, StoredImage, new_id
from img402_mcp.host.storage.opening import open_blobs, open_store
from img402_mcp.host.storage.spool import arriving
from img402_mcp.host.storage.store import PendingImage

settings = host_settings({}, data=Path(sys.argv[1]), default_public_url="http://h")
settings.data.mkdir()
blobs, images = open_blobs(settings.blobs, None), Images(Database(settings.database))
store = open_store(blobs, images.database)

async def keep(number):
    image = StoredImage(new_id(), PNG, 1000, datetime.now(UTC), None)
    with arriving(blobs.spool) as body:
        body.write(bytes(1000))
        if number % 2:
            body.path
        await store.put(PendingImage(body, lambda: image, images.add, nullcontext()))
    os.write(1, f"{image.name} is kept".encode())

async def main():
    async with anyio.create_task_group() as tasks:
        for number in range(int(sys.argv[2])):
            tasks.start_soon(keep, number)

anyio.run(main)
store.close()
"""

Call = tuple[int, int, str]
"""The lines of the trace where it began and where it returned, and what it says."""


def calls(trace: list[str]) -> list[Call]:
    """strace splits a call that others overlap into two lines."""
    done: list[Call] = []
    begun: dict[str, tuple[int, str]] = {}
    for number, line in enumerate(trace):
        thread = line.split(maxsplit=1)[0]
        start, text = begun.pop(thread, (number, ""))
        if "<unfinished" in line:
            begun[thread] = (number, line)
        else:
            done.append((start, number, text + line))
    return done


def returned(done: list[Call], pattern: str, after: int) -> int:
    """The line where the first such call after that line returned."""
    return min(end for start, end, text in done if start > after and re.search(pattern, text))


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace shows the calls")
def test_bytes_and_name_then_row_are_synced_before_the_upload_is_confirmed(tmp_path: Path):
    trace = tmp_path / "trace"
    strace = ["strace", "-f", "-y", "-e", "trace=rename,openat,fsync,fdatasync,write", "-o", str(trace)]
    command = [*strace, sys.executable, "-c", KEEPING, str(tmp_path / "data"), str(UPLOADS)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    done = calls(trace.read_text().splitlines())
    answered = {found[1]: start for start, _, text in done if (found := re.search(r'"(\S+) is kept"', text))}
    assert len(answered) == UPLOADS
    for name, moment in answered.items():
        renamed = returned(done, rf"(rename\(.*|O_CREAT.*)/kept/{name}\b|openat\(.*/kept/{name}\".*O_CREAT", -1)
        stored = max(returned(done, rf"sync\(\d+<.*/kept{of}>", renamed) for of in (f"/{name}", ""))
        assert returned(done, r"sync\(\d+<.*-wal>", stored) < moment
