"""Files that this user alone can read: the mode decides, on Windows the access control list."""

import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from img402_mcp.atomic_write import atomic_write
from img402_mcp.client.private_files import is_open_to_others, new_file_like, new_private_file, way_to_close
from tests.fakes.posix import MODES


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


@MODES
@pytest.mark.parametrize("has_list", [True, False], ids=["its-own-list", "the-folders-default-alone"])
def test_a_file_like_another_has_its_access_list_and_lets_in_nobody_else(tmp_path, has_list):
    """By the list another user reads, and the file's group does not; the mode alone would say the opposite."""
    file, draft = tmp_path / "config", tmp_path / "draft"
    file.write_bytes(b"")
    file.chmod(0o640)
    ours = access_list(user=4242)
    if has_list:
        set_access_list(file, "access", ours)
    set_access_list(tmp_path, "default", access_list(user=4343))

    os.close(new_file_like(file)(draft))
    assert (draft.stat().st_mode & 0o777, read_access_list(draft)) == (0o640, ours if has_list else None)


@MODES
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can make a file another user's")
def test_the_owner_and_the_group_are_kept(tmp_path):
    file, draft = tmp_path / "config", tmp_path / "draft"
    file.write_bytes(b"")
    os.chown(file, 4242, 4343)
    os.close(new_file_like(file)(draft))
    assert (draft.stat().st_uid, draft.stat().st_gid) == (4242, 4343)


def access_list(user: int) -> bytes:
    """`user` reads; the owner reads and writes; the group and all others do nothing."""
    nobody = 0xFFFFFFFF
    rows = [(0x01, 6, nobody), (0x02, 4, user), (0x04, 0, nobody), (0x10, 4, nobody), (0x20, 0, nobody)]
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *row) for row in rows)


def set_access_list(path: Path, kind: str, rights: bytes) -> None:
    if sys.platform != "linux":
        pytest.skip("access lists of Linux")
    try:
        os.setxattr(path, f"system.posix_acl_{kind}", rights)
    except OSError:
        pytest.skip("this file system has no access lists")


def read_access_list(path: Path) -> bytes | None:
    if sys.platform == "linux" and "system.posix_acl_access" in os.listxattr(path):
        return os.getxattr(path, "system.posix_acl_access")
    return None


def test_written_whole_it_is_private_from_the_start(tmp_path):
    atomic_write(tmp_path / "key", b"new", create=new_private_file)
    assert [(path.name, path.read_bytes(), is_open_to_others(path)) for path in tmp_path.iterdir()] == [
        ("key", b"new", False)
    ]
