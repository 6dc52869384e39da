"""Only files are opened; a refusal inside the roots names its reason."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from img402_mcp.client.files.image import read_image
from img402_mcp.client.files.refusal import FileRefused
from img402_mcp.client.files.roots import Roots
from img402_mcp.client.files.safe_open import (
    CAN_WALK,
    OPENING,
    Disk,
    Opening,
    open_by_rechecking,
    open_by_walking,
    read_bytes,
)
from img402_mcp.errors import ReadRefused, quoted
from tests.client.files.world import (
    LIMIT,
    LINKED,
    NO_FILE,
    NO_FOLDER,
    OUTSIDE,
    World,
    allowed,
    because,
    outcome,
    promptly,
    refusal,
    whole,
)
from tests.fakes.posix import DEVICES, LINKS, MODES, NAMES, WORDS

EMPTY = "is empty: still being written, or not yet downloaded from its cloud drive"


@pytest.mark.parametrize(
    ("given", "clause"),
    [
        pytest.param("{allow}/none.png", "does not exist.", id="missing"),
        pytest.param("{allow}/none/shot.png", "does not exist.", id="missing-folder"),
        pytest.param("{allow}/to-nothing", "does not exist.", marks=LINKS, id="link-to-nothing"),
        pytest.param("{allow}/%2e%2e/secret/shot.png", "does not exist.", id="percent-is-literal"),
        pytest.param("{allow}/shot.png'", "does not exist.", id="trailing-quote"),
        pytest.param("{allow}/shot.png.", "does not exist.", marks=NAMES, id="trailing-dot"),
        pytest.param("{allow}/...", "does not exist.", marks=NAMES, id="three-dots"),
        pytest.param("{allow}", "is a folder; give the path of one file.", id="root"),
        pytest.param("{allow}/sub", "is a folder; give the path of one file.", id="folder"),
        pytest.param("{allow}/to-folder", "is a folder; give the path of one file.", marks=LINKS, id="link-to-folder"),
        pytest.param("{allow}/pipe", NO_FILE, marks=DEVICES, id="pipe"),
        pytest.param("{allow}/socket", NO_FILE, marks=DEVICES, id="socket"),
        pytest.param("{allow}/to-loop", LINKED, marks=LINKS, id="loop"),
        pytest.param("{allow}/to-loop-a", LINKED, marks=LINKS, id="loop-of-two"),
        pytest.param("{allow}/shot.png/none", NO_FOLDER, marks=WORDS, id="below-a-file"),
        pytest.param(
            "{allow}/" + "a" * 256,
            "holds a name that is too long for the file system.",
            marks=WORDS,
            id="name-too-long",
        ),
    ],
)
@pytest.mark.usefixtures("links", "no_files")
def test_a_refusal_inside_the_roots_names_the_reason(world: World, opening: Opening, given: str, clause: str):
    path = world.path(given)
    said = promptly(partial(refusal, path, world.roots, opening=opening))
    assert said == f"{quoted(path)} {because(clause, world.roots)}"


@LINKS
@pytest.mark.usefixtures("links")
def test_a_loop_of_folders_is_refused(world: World):
    path = f"{world.allow}/to-loop/shot.png"
    assert refusal(path, world.roots) == f'"{path}" {NO_FOLDER}'


@LINKS
def test_a_very_long_chain_of_links_is_read_or_refused(world: World):
    (world.allow / "0").symlink_to("shot.png")
    for number in range(1, 1500):
        (world.allow / f"{number}").symlink_to(f"{number - 1}")
    path = f"{world.allow}/1499"
    # It depends on the Python: some follow links by recursion.
    assert outcome(path, world.roots) in {world.image, f'"{path}" {OUTSIDE} {allowed(world.roots)}'}


@DEVICES
@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null", "/dev/tty", "/dev/random"])
def test_a_device_in_a_root_is_refused(opening: Opening, device: str):
    roots = Roots.resolve(["/dev"])
    said = promptly(partial(refusal, device, roots, opening=opening))
    assert said == f'"{device}" {NO_FILE}'


@DEVICES
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="only Linux has /proc")
@pytest.mark.parametrize(
    ("name", "clause"),
    [
        pytest.param("environ", f"{EMPTY}.", id="environ"),
        pytest.param("mem", f"{EMPTY}.", id="memory"),
        pytest.param("exe", OUTSIDE, id="program"),
        pytest.param("root/etc/passwd", OUTSIDE, id="root"),
        pytest.param("cwd/pyproject.toml", OUTSIDE, id="working-directory"),
        pytest.param("fd", "is a folder; give the path of one file.", id="descriptors"),
    ],
)
def test_nothing_is_read_from_proc(opening: Opening, name: str, clause: str):
    roots = Roots.resolve(["/proc/self"])
    path = f"/proc/self/{name}"
    assert refusal(path, roots, opening=opening) == f'"{path}" {because(clause, roots)}'


# Imports first: the other user need not be able to read this installation.
AS_NOBODY = """
import json, os, sys
from img402_mcp.errors import ReadRefused
from img402_mcp.client.files.image import read_image
from img402_mcp.client.files.refusal import FileRefused
from img402_mcp.client.files.roots import Roots
roots = Roots.resolve([sys.argv[1]])
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
said = {}
for name in sys.argv[2:]:
    try:
        said[name] = len(read_image(sys.argv[1] + "/" + name, roots, limit=10**6).data)
    except ReadRefused as refused:
        said[name] = str(refused)
print(json.dumps(said))
"""


@pytest.fixture
def open_to_all(sample: Callable[[str], bytes]) -> Iterator[Path]:
    """A folder that another user can reach, as pytest's own are not."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        folder.chmod(0o755)
        for inner in ("closed", "passage"):
            (folder / inner).mkdir()
            (folder / inner / "shot.png").write_bytes(sample("plain.png"))
        (folder / "unreadable.png").write_bytes(sample("plain.png"))
        (folder / "unreadable.png").chmod(0)
        (folder / "closed").chmod(0)
        (folder / "passage").chmod(0o311)
        yield folder
        (folder / "closed").chmod(0o755)
        (folder / "passage").chmod(0o755)


@MODES
def test_what_the_user_may_not_read_is_refused_and_a_folder_need_only_be_passable(open_to_all: Path, world: World):
    names = ["unreadable.png", "closed/shot.png", "passage/shot.png", "passage/Shot.png"]
    command = [sys.executable, "-c", AS_NOBODY, str(open_to_all), *names]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    denied = "may not be read by the user img402-mcp runs as."
    assert json.loads(done.stdout) == {
        "unreadable.png": f'"{open_to_all}/unreadable.png" {denied}',
        "closed/shot.png": f'"{open_to_all}/closed/shot.png" {denied}',
        "passage/shot.png": len(world.image),
        "passage/Shot.png": f'"{open_to_all}/passage/Shot.png" does not exist.',
    }


@pytest.mark.parametrize("spare", [0, 1])
def test_a_file_up_to_the_limit_is_read(world: World, opening: Opening, spare: int):
    limit = len(world.image) + spare
    image = read_image(f"{world.allow}/shot.png", world.roots, limit=limit, opening=opening)
    assert image == whole(world.allow / "shot.png", world.image)


def test_a_file_one_byte_over_the_limit_is_refused(world: World, opening: Opening):
    path = f"{world.allow}/shot.png"
    assert refusal(path, world.roots, limit=len(world.image) - 1, opening=opening) == (
        f'"{path}" is too large: it has 1,217 bytes, and at most 1,216 can be sent.'
    )


def test_a_sparse_terabyte_is_refused_unread(world: World, opening: Opening):
    path = world.allow / "huge.png"
    path.write_bytes(world.image)
    os.truncate(path, 2**40)
    assert refusal(str(path), world.roots, opening=opening) == (
        f'"{path}" is too large: it has 1,099,511,627,776 bytes, and at most 1,048,576 can be sent.'
    )


def test_an_empty_file_is_refused(world: World, opening: Opening):
    path = world.allow / "empty.png"
    path.touch()
    assert refusal(str(path), world.roots, opening=opening) == f'"{path}" {EMPTY}.'


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="descriptors cannot be counted here")
@pytest.mark.usefixtures("links", "no_files")
@DEVICES
def test_no_descriptor_stays_open_whatever_happens(world: World, opening: Opening):
    (world.allow / "huge.png").touch()
    os.truncate(world.allow / "huge.png", 2**30)
    before = set(Path("/dev/fd").iterdir())
    for name in ("shot.png", "none.png", "sub", "pipe", "huge.png", "to-loop", "to-loop/x", "shot.png/x", "SHOT.png"):
        try:
            read_image(f"{world.allow}/{name}", world.roots, limit=LIMIT, opening=opening)
        except ReadRefused:
            continue
    assert set(Path("/dev/fd").iterdir()) == before


def test_the_way_that_follows_no_link_is_taken_where_the_system_can():
    assert OPENING is (open_by_walking if CAN_WALK else open_by_rechecking)


def test_a_file_that_a_cloud_drive_keeps_is_waited_for_so_long_and_no_longer(tmp_path: Path):
    """A pipe stands for the download that never comes."""
    reads, writes = os.pipe()

    @contextmanager
    def opening(path: Path) -> Iterator[int]:  # as it is called
        yield reads

    def status(descriptor: int) -> SimpleNamespace:  # the same
        return SimpleNamespace(st_size=5, st_mtime_ns=1, st_flags=0x4000_0000)

    slow = Disk(opening, status, seconds=0.05)  # type: ignore[arg-type]
    with pytest.raises(FileRefused) as caught:
        read_bytes(tmp_path / "a.png", LIMIT, slow)
    assert caught.value.clause == "is kept by a cloud drive and was not downloaded within 0.05 seconds"
    os.write(writes, b"12345")
    os.close(writes)
    os.close(reads)


@pytest.mark.parametrize(
    ("name", "clause"),
    [
        pytest.param("far.png", "is kept by iCloud and is not downloaded yet.", id="its-name"),
        pytest.param(
            ".far.png.icloud", "is not the file itself, which iCloud keeps and has not downloaded yet.", id="its-stub"
        ),
    ],
)
def test_what_icloud_has_not_downloaded_is_named(world: World, opening: Opening, name: str, clause: str):
    (world.allow / ".far.png.icloud").write_bytes(b"bplist00")
    said = refusal(f"{world.allow}/{name}", world.roots, opening=opening)
    hint = "Open it once, or choose Download Now in the Finder, and try again."
    assert said == f'"{world.allow}/{name}" {clause} {hint}'


def test_outside_the_roots_nothing_tells_of_a_stub(world: World, opening: Opening):
    (world.secret / ".far.png.icloud").write_bytes(b"bplist00")
    for name in ("far.png", ".far.png.icloud", "none.png"):
        said = refusal(f"{world.secret}/{name}", world.roots, opening=opening)
        assert said == f'"{world.secret}/{name}" {OUTSIDE} {allowed(world.roots)}'
