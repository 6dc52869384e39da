import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from img402_mcp.errors import SettingsError
from img402_mcp.host.app import create_app
from img402_mcp.host.secret_key import stored_secret
from img402_mcp.host.settings import HostSettings


def test_the_secret_is_made_once_and_readable_only_by_its_owner(tmp_path: Path):
    secret = stored_secret(tmp_path)
    assert (len(secret), stored_secret(tmp_path), [*tmp_path.iterdir()]) == (32, secret, [tmp_path / "secret"])
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600


def test_workers_that_start_together_use_the_same_secret(tmp_path: Path):
    together = Barrier(8)

    def start(_worker: int) -> bytes:
        together.wait()
        return stored_secret(tmp_path)

    with ThreadPoolExecutor(8) as threads:
        for _ in range(10):
            assert len({*threads.map(start, range(8))}) == 1
            assert [*tmp_path.iterdir()] == [tmp_path / "secret"]
            (tmp_path / "secret").unlink()


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        pytest.param(b"", "has 0 characters; it must have 32 or more", id="empty"),
        pytest.param(b"\n", "has 1 characters, all of them blank;", id="a-newline"),
        pytest.param(b"hunter2", "has 7 characters; it must have 32 or more", id="short"),
        pytest.param(b"s" * 31, "has 31 characters; it must have 32 or more", id="one-short"),
        pytest.param(bytes(32), "has 32 characters, all of them blank;", id="zeros-after-a-power-cut"),
        pytest.param(b" " * 40, "has 40 characters, all of them blank;", id="blanks"),
    ],
)
def test_a_secret_that_anyone_could_guess_starts_no_host(
    settings: Callable[..., HostSettings], data: Path, secret: bytes, said: str
):
    data.mkdir()
    (data / "secret").write_bytes(secret)
    (data / "secret").chmod(0o600)
    with pytest.raises(SettingsError) as refused:
        create_app(settings())
    assert said in str(refused.value)
    assert "Restore it from a backup; or remove it" in str(refused.value)
    assert (data / "secret").read_bytes() == secret


@pytest.mark.parametrize("text", ["short", " " * 40])
def test_the_secret_of_the_environment_is_held_to_the_same(settings: Callable[..., HostSettings], text: str):
    with pytest.raises(SettingsError, match="IMG402_HOST_SECRET has .*; it must have 32 or more"):
        settings(IMG402_HOST_SECRET=text)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620])
def test_a_secret_that_others_can_read_starts_no_host(settings: Callable[..., HostSettings], data: Path, mode: int):
    create_app(settings())
    (data / "secret").chmod(mode)
    with pytest.raises(SettingsError) as refused:
        create_app(settings())
    assert f"(mode {mode:04o})" in str(refused.value)
    assert f"`chmod 600 {data / 'secret'}`" in str(refused.value)


def test_a_pipe_in_place_of_the_secret_is_not_waited_for(settings: Callable[..., HostSettings], data: Path):
    data.mkdir()
    os.mkfifo(data / "secret", 0o600)
    with pytest.raises(SettingsError, match="has 0 characters"):
        create_app(settings())
