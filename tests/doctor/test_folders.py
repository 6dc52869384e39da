"""Folders and files that are missing, wide, or open to others."""

from contextlib import closing

import pytest

from img402_mcp.client.history import History
from img402_mcp.doctor.finding import fail, ok


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
            "Make it writable, or name another folder with IMG402_STATE_DIR.",
        )
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
