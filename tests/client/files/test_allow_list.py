"""Which folders may be read from, as of now."""

import stat
from dataclasses import replace
from pathlib import Path

import pytest

from img402_mcp.client.files.allow_list import AllowList, listed, local_path, write_list
from img402_mcp.client.files.roots import Roots
from img402_mcp.client.settings.read import client_settings
from img402_mcp.errors import SettingsError
from tests.fakes.posix import MODES


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for name in ("one", "two", "three"):
        (tmp_path / name).mkdir()
    return tmp_path


def test_the_users_list_adds_to_the_defaults_and_is_read_at_each_call(folders):
    allow_list = AllowList(Roots((folders / "one",), {folders / "one": "the working directory"}), folders / "list")
    assert allow_list.roots().directories == (folders / "one",)
    write_list(folders / "list", [folders / "two", folders / "gone"])
    roots = allow_list.roots()
    assert roots.reasons == {folders / "one": "the working directory", folders / "two": "allowed by the user"}
    write_list(folders / "list", [])
    assert allow_list.roots().directories == (folders / "one",)


def test_a_session_may_add_a_folder_that_the_list_does_not_keep(folders):
    allow_list = AllowList(Roots((folders / "one",), {folders / "one": "why"}), folders / "list")
    allow_list.allow(folders / "three")
    assert allow_list.roots().reasons[folders / "three"] == "allowed by the user for this session"
    assert listed(folders / "list") == []


def test_folders_that_are_set_replace_the_list(folders, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folders))
    allow_list = AllowList.of(client_settings({"IMG402_ALLOW_DIRS": str(folders / "one")}))
    assert (allow_list.file, allow_list.roots().reasons) == (None, {folders / "one": "named by IMG402_ALLOW_DIRS"})
    assert allow_list.roots().in_words() == f'Allowed folders: "{folders / "one"}". They are set by IMG402_ALLOW_DIRS.'


def test_the_defaults_are_each_there_once_with_a_reason(folders, monkeypatch):
    monkeypatch.chdir(folders / "one")
    settings = client_settings({})
    assert settings.default_reasons[folders / "one"] == "the working directory"
    roots = AllowList.of(replace(settings, default_reasons={**settings.default_reasons})).roots()
    assert len(set(roots.directories)) == len(roots.directories) == len(roots.reasons)
    assert all(roots.reasons.values())


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{}", id="an-object"),
        pytest.param(b"[1, null]", id="no-names"),
        pytest.param(b"\xff\xfe", id="no-text"),
        pytest.param(b'["/' + b"a" * 70_000 + b'"]', id="too-long"),
        pytest.param(b"[" * 50_000, id="too-deep"),
    ],
)
def test_a_list_that_cannot_be_read_allows_nothing(tmp_path, content):
    (tmp_path / "list").write_bytes(content)
    assert listed(tmp_path / "list") == []


@MODES
def test_the_list_is_for_the_user_alone(tmp_path):
    file = tmp_path / "config" / "list"
    write_list(file, [tmp_path])
    assert (stat.S_IMODE(file.stat().st_mode), stat.S_IMODE(file.parent.stat().st_mode)) == (0o600, 0o700)
    assert [path.name for path in file.parent.iterdir()] == ["list"]


def test_a_list_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SettingsError, match="could not be written"):
        write_list(tmp_path / "file" / "list", [])


SHARES = [
    pytest.param(r"\\host\share\k.json", id="backslashes"),
    pytest.param("//host/share/k.json", id="slashes"),
    pytest.param(r"\\?\UNC\host\share\k.json", id="long-unc"),
    pytest.param(r"\??\UNC\host\share\k.json", id="kernel-unc"),
    pytest.param(r"\\.\pipe\k", id="pipe"),
]


@pytest.mark.parametrize("name", SHARES)
def test_a_command_s_path_on_a_share_that_nobody_named_is_refused_by_its_text(name, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    with pytest.raises(SettingsError, match="network share that holds no allowed folder"):
        local_path(name, "FILE", {}, windows=True)


@pytest.mark.parametrize("name", [r"\\nas\Keys\k.json", r"C:\k.json", r"\\?\C:\k.json", "k.json"])
def test_a_command_s_path_on_a_drive_or_below_a_named_share_is_taken(name, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    assert local_path(name, "FILE", {"IMG402_ALLOW_DIRS": r"\\nas\keys\shots"}, windows=True) == Path(name)
