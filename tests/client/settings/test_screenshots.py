"""The folder that a system uses only for screenshots."""

import plistlib
from pathlib import Path

import pytest

from img402_mcp.client.settings.folders import screenshots_folder


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / ".config"))
    for name in ("Desktop", "Pictures/Screenshots", "Bilder/Screenshots", "shots", ".config", "Library/Preferences"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path


def test_gnome_and_kde_keep_them_inside_the_pictures_folder(home):
    assert screenshots_folder("linux") == home / "Pictures" / "Screenshots"


def test_the_pictures_folder_may_have_another_name(home):
    (home / ".config" / "user-dirs.dirs").write_text('XDG_PICTURES_DIR="$HOME/Bilder"\n')
    assert screenshots_folder("linux") == home / "Bilder" / "Screenshots"


@pytest.mark.parametrize("line", ["imageSaveLocation=file://{}", "imageSaveLocation[$e]={}"], ids=["url", "path"])
def test_kde_may_keep_them_elsewhere(home, line):
    (home / ".config" / "spectaclerc").write_text("[ImageSave]\n" + line.format(home / "shots") + "\n")
    assert screenshots_folder("linux") == home / "shots"


def test_macos_settings_name_the_folder(home):
    file = home / "Library" / "Preferences" / "com.apple.screencapture.plist"
    file.write_bytes(plistlib.dumps({"location": "~/shots"}))
    assert screenshots_folder("darwin") == home / "shots"


@pytest.mark.parametrize("location", ["~/Desktop", "~", "", "~/gone", 7], ids=["desktop", "home", "empty", "gone", "7"])
def test_a_folder_with_other_files_or_a_missing_one_does_not_count(home, location):
    file = home / "Library" / "Preferences" / "com.apple.screencapture.plist"
    file.write_bytes(plistlib.dumps({"location": location}))
    assert screenshots_folder("darwin") is None


@pytest.mark.parametrize("content", [None, b"no property list"], ids=["none", "broken"])
def test_the_macos_default_the_desktop_does_not_count(home, content):
    if content is not None:
        (home / "Library" / "Preferences" / "com.apple.screencapture.plist").write_bytes(content)
    assert screenshots_folder("darwin") is None
