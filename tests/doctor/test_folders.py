"""Folders and files that are missing, wide, or open to others."""

import errno
import json
from contextlib import closing

import pytest

from img402_mcp.client.history import History
from img402_mcp.client.settings.folders import allow_list_file
from img402_mcp.doctor.finding import fail, ok
from img402_mcp.doctor.folders import way_to_keep_state


async def test_missing_and_wide_folders_are_reported(found, tmp_path):
    home, here = tmp_path / "home", tmp_path / "here"
    findings = await found("folders", IMG402_ALLOW_DIRS=f"{home}:{tmp_path}:{here}:{tmp_path / 'missing'}")
    assert [each.level for each in findings] == ["warn", "warn", "ok", "fail"]
    assert findings[0].said.startswith(f'"{home}" (named by IMG402_ALLOW_DIRS) is wide: ')
    assert findings[3].said.endswith("which does not exist; name a folder.")


async def test_a_state_folder_that_is_a_file_is_reported(found, tmp_path):
    (tmp_path / "state").touch()
    assert await found("state") == [
        fail(
            f'Nothing can be kept in "{tmp_path / "state"}" (Not a directory), neither the history nor payments.',
            "Move the file away that is in its place, or name another folder with IMG402_STATE_DIR.",
        )
    ]


@pytest.mark.parametrize(
    ("number", "way_out"),
    [
        pytest.param(errno.EACCES, "Make it writable, or name another folder", id="denied"),
        pytest.param(errno.ENOSPC, "Free some space there, or name another folder", id="full"),
        pytest.param(errno.EDQUOT, "Free some space there, or name another folder", id="over-its-quota"),
        pytest.param(errno.EROFS, "Name another folder", id="read-only"),
    ],
)
def test_the_way_to_keep_state_follows_from_the_error(number, way_out):
    assert way_to_keep_state(number) == f"{way_out} with IMG402_STATE_DIR."


async def test_a_wide_folder_that_the_user_allowed_is_removed_where_it_was_allowed(found, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "home" / "wide").mkdir()
    allow_list_file().parent.mkdir(parents=True)
    allow_list_file().write_text(json.dumps([str(tmp_path / "home")]))
    home = f'"{tmp_path / "home"}"'
    warned = [each for each in await found("folders", IMG402_ALLOW_DIRS="") if each.said.startswith(home)]
    assert [each.fix for each in warned] == [
        f'`img402-mcp allow --remove "{tmp_path / "home"}"`, and allow the folders that screenshots are in.'
    ]


async def test_a_state_folder_that_others_can_use_is_reported(levels_and_texts, tmp_path):
    state = tmp_path / "state"
    History.open(state).close()
    assert await levels_and_texts("state") == [("ok", f'"{state}" is writable')]
    state.chmod(0o777)
    (state / "ledger" / "ledger.db").chmod(0o644)
    assert await levels_and_texts("state") == [
        ("warn", f'"{state}" may be written by others.'),
        ("warn", f'"{state / "ledger" / "ledger.db"}" may be read or written by others.'),
    ]


@pytest.mark.parametrize(("check", "file"), [("history", "ledger/ledger.db"), ("journal", "payments/journal.db")])
async def test_existing_state_files_are_opened(levels_and_texts, tmp_path, check, file):
    assert await levels_and_texts(check) == [("ok", "none yet")]
    assert not (tmp_path / "state").exists()
    (tmp_path / "state" / file).parent.mkdir(parents=True)
    (tmp_path / "state" / file).write_text("no database, but long enough to be read as one" * 99)
    ((level, said),) = await levels_and_texts(check)
    assert (level, "could not be opened" in said) == ("fail", True)


async def test_a_history_that_can_be_opened_is_fine(found, tmp_path):
    with closing(History.open(tmp_path / "state")):
        assert await found("history") == [ok("can be opened")]
    assert await found("history", IMG402_HISTORY="off") == [ok("switched off")]
