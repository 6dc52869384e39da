"""Files that this user alone can read: the mode decides, on Windows the access control list."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from img402_mcp.client.private_files import is_open_to_others, new_private_file, put_new, sync_folder, way_to_close


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


def test_a_file_that_is_there_is_neither_made_nor_replaced(tmp_path):
    there, draft = written(tmp_path / "key", b"old"), written(tmp_path / "draft", b"new")
    with pytest.raises(FileExistsError):
        new_private_file(there)
    with pytest.raises(FileExistsError):
        put_new(draft, there)
    assert there.read_bytes() == b"old"


def test_a_draft_becomes_the_file_and_stays_private(tmp_path):
    draft = written(tmp_path / "draft", b"new")
    put_new(draft, tmp_path / "key")
    draft.unlink(missing_ok=True)
    assert [(path.name, path.read_bytes(), is_open_to_others(path)) for path in tmp_path.iterdir()] == [
        ("key", b"new", False)
    ]


@pytest.mark.parametrize("name", [".", "missing"], ids=["a-folder", "none-that-can-be-opened"])
def test_the_names_in_a_folder_are_synced_where_that_is_possible(tmp_path, name):
    """On Windows no folder can be opened."""
    assert sync_folder(tmp_path / name) is None  # type: ignore[func-returns-value]
