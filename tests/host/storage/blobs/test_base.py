"""The contract of a blob store: another store is another row of STORES."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from obstore.store import LocalStore, MemoryStore

from img402_mcp.host.storage.blobs.base import Blobs
from img402_mcp.host.storage.blobs.folder import Folder
from img402_mcp.host.storage.blobs.objects import PART, Objects, open_objects
from img402_mcp.host.storage.spool import clear

MEGABYTE = 1_048_576
STORES: dict[str, Callable[[Path], Blobs]] = {
    "folder": Folder,
    "memory": lambda folder: Objects(MemoryStore(), folder),
    "local": lambda folder: Objects(LocalStore(folder / "objects", mkdir=True), folder),
}
if "IMG402_TEST_BLOBS" in os.environ:
    STORES["real"] = lambda folder: open_objects(f"{os.environ['IMG402_TEST_BLOBS']}/{uuid4().hex}", folder)


@pytest.fixture(params=STORES)
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    return STORES[request.param](tmp_path / "blobs")


def put(blobs: Blobs, name: str, data: bytes) -> None:
    file = blobs.spool / "arriving"
    file.write_bytes(data)
    blobs.put(name, file)


def test_any_part_of_a_kept_file_can_be_read(blobs: Blobs):
    put(blobs, "a.png", b"0123456789")
    pieces = [blobs.read("a.png", start, length) for start, length in ((0, 10), (3, 4), (9, 1), (0, 0), (10, 0))]
    assert pieces == [b"0123456789", b"3456", b"9", b"", b""]


@pytest.mark.parametrize("size", [MEGABYTE + 1, PART, 2 * PART + 7])
def test_large_files_are_kept_whole(blobs: Blobs, size: int):
    data = os.urandom(1021) * (size // 1021 + 1)
    put(blobs, "a.png", data[:size])
    assert (blobs.read("a.png", 0, size), list(blobs.spool.iterdir())) == (data[:size], [])


def test_bytes_are_kept_without_a_file(blobs: Blobs):
    blobs.put("a.png", b"0123456789")
    assert (blobs.read("a.png", 0, 10), list(blobs.spool.iterdir())) == (b"0123456789", [])


def test_what_was_read_whole_may_be_at_hand_and_only_whole(blobs: Blobs):
    blobs.put("a.png", b"0123456789")
    blobs.read("a.png", 0, 4)
    assert blobs.read_if_cached("a.png", 10) in (None, b"0123456789")
    blobs.read("a.png", 0, 10)
    assert blobs.read_if_cached("a.png", 11) is None
    assert blobs.read_if_cached("b.png", 10) is None


def test_keeping_takes_over_the_file(blobs: Blobs):
    put(blobs, "a.png", b"x")
    assert list(blobs.spool.iterdir()) == []


def test_a_file_that_cannot_be_taken_leaves_the_name_unknown(blobs: Blobs):
    with pytest.raises(OSError, match="missing"):
        blobs.put("a.png", blobs.spool / "missing")
    with pytest.raises(FileNotFoundError):
        blobs.read("a.png", 0, 1)


def test_a_dropped_file_is_unknown_and_can_be_dropped_again(blobs: Blobs):
    names = [f"{n}.png" for n in range(30)]
    for name in names:
        put(blobs, name, b"x")
    blobs.delete("missing.png", *names)
    blobs.delete(names[0])
    assert list(blobs.sizes(datetime.now(UTC) + timedelta(minutes=1))) == []
    with pytest.raises(FileNotFoundError):
        blobs.read(names[0], 0, 1)


def test_sizes_lists_what_was_kept_before_a_moment(blobs: Blobs):
    put(blobs, "a.png", b"x")
    put(blobs, "b.png", b"x")
    now = datetime.now(UTC)
    assert dict(blobs.sizes(now + timedelta(minutes=1))) == {"a.png": 1, "b.png": 1}
    assert dict(blobs.sizes(now - timedelta(minutes=1))) == {}


def test_only_old_bodies_are_cleared_from_the_spool(blobs: Blobs):
    old, new = blobs.spool / "old.part", blobs.spool / "new.part"
    old.write_bytes(b"x")
    new.write_bytes(b"x")
    foreign = blobs.spool / "notes.txt"
    foreign.write_bytes(b"x")
    for file in (old, foreign):
        os.utime(file, (0, 0))
    clear(blobs.spool, datetime.now(UTC) - timedelta(hours=1))
    assert set(blobs.spool.iterdir()) == {new, foreign}


def test_a_kept_file_is_there_for_the_next_process(tmp_path: Path):
    put(Folder(tmp_path), "a.png", b"x")
    assert Folder(tmp_path).read("a.png", 0, 1) == b"x"


def test_one_host_reads_what_another_keeps(tmp_path: Path):
    store = MemoryStore()
    put(Objects(store, tmp_path / "one"), "a.png", b"x")
    assert Objects(store, tmp_path / "other").read("a.png", 0, 1) == b"x"
