"""Common mistakes in IMG402_ALLOW_DIRS, and the default folders where it is not set."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from img402_mcp.client.settings.folders import (
    _demand_plain,
    default_folders,
    is_flagged_hidden,
    is_too_wide,
    listed_folders,
)
from img402_mcp.errors import SettingsError


@pytest.mark.parametrize(
    ("listed", "windows", "sentence"),
    [
        pytest.param(r"%USERPROFILE%\Desktop", True, '"%USERPROFILE%", which nothing expands', id="percent"),
        pytest.param("$HOME/Desktop", False, '"$HOME", which nothing expands', id="dollar"),
        pytest.param("${HOME}/Desktop", False, '"${HOME}", which nothing expands', id="braces"),
        pytest.param(r"$env:USERPROFILE\x", True, "which nothing expands", id="powershell"),
        pytest.param('"/home/me/shots"', False, "quotes or brackets", id="quotes"),
        pytest.param("'/home/me/shots'", False, "quotes or brackets", id="single-quotes"),
        pytest.param('["/home/me"]', False, "quotes or brackets", id="a-list"),
        pytest.param("C:\\Users\new", True, "backslash is written twice", id="line-break"),
        pytest.param("C:\\Users\temp", True, "backslash is written twice", id="tab"),
        pytest.param(r"C:\a:D:\b", True, "write ; between", id="colon-on-windows"),
        pytest.param("/a;/b", False, "write : between", id="semicolon-elsewhere"),
        pytest.param("~/a; ~/b", False, "write : between", id="semicolon-and-blank"),
        pytest.param(r"C:\Users\me\Pictures", False, "/mnt/c/Users/me", id="a-windows-path-elsewhere"),
    ],
)
def test_a_mistake_in_the_list_of_folders_is_named(listed, windows, sentence):
    with pytest.raises(SettingsError) as refused:
        _demand_plain(listed, windows=windows)
    assert sentence in str(refused.value)
    assert str(refused.value).startswith("IMG402_ALLOW_DIRS ")


@pytest.mark.parametrize(
    ("listed", "windows"),
    [
        pytest.param("/home/me/a:/home/me/b c", False, id="two"),
        pytest.param(r"C:\Users\me\a;D:\b", True, id="two-on-windows"),
        pytest.param("/srv/50%/x;y", False, id="odd-but-plain"),
        pytest.param("/a[1]", False, id="brackets-inside"),
    ],
)
def test_a_correct_list_is_accepted(listed, windows):
    _demand_plain(listed, windows=windows)


def test_an_unknown_users_home_is_refused_in_one_sentence():
    with pytest.raises(SettingsError, match="no home folder|Name the folder"):
        listed_folders({"IMG402_ALLOW_DIRS": "~nobody-of-that-name/shots"})


def test_the_working_directory_is_allowed_unless_it_is_too_wide(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home" / "me"))
    (tmp_path / "home" / "me" / "project").mkdir(parents=True)
    allowed = {}
    for place in (
        tmp_path / "home" / "me" / "project",
        tmp_path / "home" / "me",
        tmp_path / "home",
        Path("/"),
        Path("/etc"),
    ):
        monkeypatch.chdir(place)
        allowed[place] = "the working directory" in default_folders().values()
    assert [*allowed.values()] == [True, False, False, False, False]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="needs to become another user")
def test_a_user_without_a_home_has_folders_too(tmp_path):
    program = (
        "import os; from img402_mcp.client.settings.folders import default_folders;"
        "os.setgid(54321); os.setuid(54321); os.environ.clear(); print(*default_folders().values())"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd="/tmp", capture_output=True, text=True, check=True)
    assert "the working directory" in done.stdout


@pytest.mark.parametrize(
    ("folder", "reason"),
    [("/", "is a whole disk"), ("/usr/share/pixmaps", "is a folder of the system"), ("/srv/shots", "")],
    ids=["disk", "system", "plain"],
)
def test_which_folders_are_too_wide_to_allow(folder, reason):
    assert is_too_wide(Path(folder)) == reason


@pytest.mark.parametrize(
    ("flags", "attributes", "hidden"),
    [
        pytest.param(0x8000, 0, True, id="macos"),
        pytest.param(0, 0x2, True, id="windows"),
        pytest.param(0, 0x12, True, id="windows-folder"),
        pytest.param(0x20, 0x30, False, id="other-flags"),
    ],
)
def test_a_folder_that_the_system_hides_is_known_by_its_flag(flags, attributes, hidden):
    assert is_flagged_hidden(flags, attributes) is hidden
