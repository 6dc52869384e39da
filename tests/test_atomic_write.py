"""A file appears whole or not at all, and never over one that must stay."""

import os
import re
import shutil
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from img402_mcp.atomic_write import atomic_write, new_file


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_new_file_is_written_for_its_owner_alone(tmp_path):
    atomic_write(tmp_path / "secret", b"new")
    assert contents(tmp_path) == {"secret": b"new"}
    if os.name == "posix":
        assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600


def test_a_file_that_is_there_stays_unless_it_may_be_overwritten(tmp_path):
    place = tmp_path / "list"
    place.write_bytes(b"old")
    with pytest.raises(FileExistsError):
        atomic_write(place, b"new")
    assert contents(tmp_path) == {"list": b"old"}
    atomic_write(place, b"new", overwrite=True)
    assert contents(tmp_path) == {"list": b"new"}


def test_a_name_of_the_greatest_length_is_written(tmp_path):
    name = "n" * 255
    atomic_write(tmp_path / name, b"new")
    assert contents(tmp_path) == {name: b"new"}


def test_a_file_that_appears_meanwhile_stays(tmp_path):
    place = tmp_path / "key"

    def create(draft: Path) -> int:
        place.write_bytes(b"of another process")
        return new_file(draft)

    with pytest.raises(FileExistsError):
        atomic_write(place, b"new", create=create)
    assert contents(tmp_path) == {"key": b"of another process"}


@pytest.mark.parametrize("before", [{}, {"list": b"old"}], ids=["new", "over-another"])
def test_where_writing_fails_nothing_is_left_and_nothing_is_lost(tmp_path, before):
    for name, data in before.items():
        (tmp_path / name).write_bytes(data)

    def create(draft: Path) -> int:
        draft.write_bytes(b"ha")
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        atomic_write(tmp_path / "list", b"half", create=create, overwrite=bool(before))
    assert contents(tmp_path) == before


def test_who_reads_while_it_is_overwritten_sees_one_or_the_other_whole(tmp_path):
    place, texts = tmp_path / "list", (b"a" * 200_000, b"b" * 100_000)
    atomic_write(place, texts[0])
    seen: set[bytes] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.add(place.read_bytes())

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(30):
        atomic_write(place, texts[number % 2], overwrite=True)
    done.set()
    reader.join()
    assert seen <= {*texts}


def test_of_many_that_write_a_new_file_at_once_one_wins(tmp_path):
    won: list[bytes] = []

    def write(text: bytes) -> None:
        try:
            atomic_write(tmp_path / "secret", text)
        except FileExistsError:
            return
        won.append(text)

    threads = [threading.Thread(target=write, args=(b"%d" % number * 1000,)) for number in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert [*contents(tmp_path).items()] == [("secret", won[0])]
    assert len(won) == 1


@pytest.mark.skipif(os.open not in os.supports_dir_fd, reason="this system looks names up by their whole path")
def test_a_name_is_looked_up_from_an_open_folder(tmp_path):
    """Through a descriptor that only passes (O_PATH), too: then the folder itself is not synced."""
    folder = os.open(tmp_path, getattr(os, "O_PATH", os.O_RDONLY))
    try:
        atomic_write(Path("copy.md"), b"new", folder=folder, create=lambda draft: new_file(draft, 0o666, folder))
        with pytest.raises(FileExistsError):
            atomic_write(Path("copy.md"), b"newer", folder=folder, create=lambda draft: new_file(draft, folder=folder))
    finally:
        os.close(folder)
    assert contents(tmp_path) == {"copy.md": b"new"}


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
def test_the_bytes_are_on_the_disk_before_the_name_and_the_name_before_it_returns(tmp_path):
    calls, place = tmp_path / "calls", tmp_path / "list"
    program = "import sys, pathlib, img402_mcp.atomic_write as it; it.atomic_write(pathlib.Path(sys.argv[1]), b'new')"
    watched = ["strace", "-f", "-y", "-e", "trace=fsync,link,linkat", "-o", str(calls)]
    subprocess.run([*watched, sys.executable, "-c", program, str(place)], check=True)
    seen = re.findall(rf"(fsync|link)(?:at)?\(.*{re.escape(str(tmp_path))}([^\s\"<>]*)", calls.read_text())
    assert [(call, Path(path).suffix) for call, path in seen] == [("fsync", ".unfinished"), ("link", ""), ("fsync", "")]
