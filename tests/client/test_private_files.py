"""Files that this user alone can read: the mode decides, on Windows the access control list."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from img402_mcp.atomic_write import atomic_write
from img402_mcp.client.private_files import is_open_to_others, new_private_file, way_to_close


def written(path: Path, data: bytes) -> Path:
    with os.fdopen(new_private_file(path), "wb") as file:
        file.write(data)
    return path


def test_a_new_file_is_for_this_user_alone(tmp_path):
    path = written(tmp_path / "key", b"secret")
    assert (path.read_bytes(), is_open_to_others(path)) == (b"secret", False)


def test_a_file_that_others_can_read_is_known_and_the_command_closes_it(tmp_path):
    path = tmp_path / "open to all"
    path.write_bytes(b"secret")
    if sys.platform != "win32":
        path.chmod(0o644)
    assert is_open_to_others(path)
    if sys.platform == "win32":  # Wine's icacls changes nothing
        assert way_to_close(path).startswith(f'icacls "{path}" /inheritance:r /grant:r "*S-1-5-')
        return
    subprocess.run(way_to_close(path), shell=True, check=True)
    assert (path.read_bytes(), is_open_to_others(path)) == (b"secret", False)


def test_a_file_that_is_there_is_not_made_anew(tmp_path):
    there = written(tmp_path / "key", b"old")
    with pytest.raises(FileExistsError):
        new_private_file(there)
    assert there.read_bytes() == b"old"


def test_written_whole_it_is_private_from_the_start(tmp_path):
    atomic_write(tmp_path / "key", b"new", create=new_private_file)
    assert [(path.name, path.read_bytes(), is_open_to_others(path)) for path in tmp_path.iterdir()] == [
        ("key", b"new", False)
    ]
