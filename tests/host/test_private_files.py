"""What the host makes is its owner's alone: an image's id is all that protects its URL."""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from img402_mcp.host.app import create_app
from img402_mcp.host.private_files import private_folder
from img402_mcp.host.settings import HostSettings
from tests.fakes.pictures import png
from tests.fakes.program import started


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def modes(folder: Path) -> set[tuple[str, int]]:
    """Of all below it: is it a folder, and its mode."""
    return {("folder" if path.is_dir() else "file", stat.S_IMODE(path.stat().st_mode)) for path in folder.rglob("*")}


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o777], ids=oct)
def test_a_running_host_makes_nothing_that_others_can_read(tmp_path: Path, mask: int):
    """Its folder is there before it, and open to all: what an operator has made with `mkdir`."""
    data = tmp_path / "data"
    data.mkdir()
    data.chmod(0o755)
    environ = os.environ | {"IMG402_HOST_MIN_FREE_BYTES": "0"}
    with started("host", "--port", 0, "--data", data, environ=environ, umask=mask) as host:
        said = [next(host.stdout), next(host.stdout)]
        url = next(word.rstrip(",") for word in said[1].split() if word.startswith("http://"))
        answers = [
            httpx2.post(f"{url}/api/free", files={"image": ("a.png", png(64, 48, size=size))})
            for size in (5_000, 1_048_000)
        ]
        made = modes(data)
    assert [answer.status_code for answer in answers] == [200, 200]
    assert made == {("folder", 0o700), ("file", 0o600)}
    assert f"Run `chmod 700 {data}`" in said[0]


def test_the_folders_on_the_way_to_the_data_are_private_too(tmp_path: Path):
    with umask(0):
        private_folder(tmp_path / "a" / "b")
    assert modes(tmp_path) == {("folder", 0o700)}


def test_a_host_within_another_program_leaves_its_umask_and_makes_private_files_all_the_same(
    settings: Callable[..., HostSettings], data: Path
):
    data.mkdir()
    with umask(0):
        create_app(settings())
        assert os.umask(0) == 0
    assert modes(data) == {("folder", 0o700), ("file", 0o600)}


def test_rows_that_an_earlier_version_left_open_are_closed_to_others(settings: Callable[..., HostSettings], data: Path):
    create_app(settings())
    beside = data / "index.sqlite-wal"
    beside.touch()
    for path in (data / "index.sqlite", beside):
        path.chmod(0o644)
    create_app(settings())
    assert modes(data) == {("folder", 0o700), ("file", 0o600)}


@pytest.mark.parametrize(("mode", "warned"), [(0o755, True), (0o750, True), (0o711, True), (0o700, False)], ids=str)
def test_a_folder_that_others_can_read_is_warned_about(
    settings: Callable[..., HostSettings], data: Path, caplog: pytest.LogCaptureFixture, mode: int, *, warned: bool
):
    data.mkdir()
    data.chmod(mode)
    create_app(settings())
    warnings = [record.getMessage() for record in caplog.records]
    assert [f"`chmod 700 {data}`" in warning and f"(mode {mode:04o})" in warning for warning in warnings] == (
        [True] if warned else []
    )
