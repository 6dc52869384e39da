"""The folder that the system uses only for screenshots, if there is one.

Sources: Windows' known folder Screenshots, which OneDrive moves; GNOME's and KDE's defaults and KDE's spectaclerc;
macOS's com.apple.screencapture, whose default is the Desktop.
"""

import os
import sys
from pathlib import Path


def screenshots_folder(system: str = sys.platform) -> Path | None:
    """None if there is none, or if it is the Desktop or the home folder, which hold more than screenshots."""
    look_up = {"win32": _windows, "darwin": _macos}.get(system, _freedesktop)
    try:
        folder = look_up()
        return folder if folder and folder.is_dir() and not _holds_more(folder) else None
    except (OSError, RuntimeError, ValueError):
        return None


def _holds_more(folder: Path) -> bool:
    return folder.resolve() in {Path.home().resolve(), (Path.home() / "Desktop").resolve()}


def _windows() -> Path | None:
    import ctypes  # noqa: PLC0415  # on Windows alone
    from uuid import UUID  # noqa: PLC0415

    known = UUID("b7bede81-df94-4682-a7d8-57a52620b86f").bytes_le
    text = ctypes.c_wchar_p()
    found = ctypes.windll.shell32.SHGetKnownFolderPath(known, 0, None, ctypes.byref(text))  # type: ignore[attr-defined]
    try:
        return Path(text.value) if found == 0 and text.value else Path.home() / "Pictures" / "Screenshots"
    finally:
        ctypes.windll.ole32.CoTaskMemFree(text)  # type: ignore[attr-defined]


def _macos() -> Path | None:
    import plistlib  # noqa: PLC0415  # on macOS alone

    settings = Path.home() / "Library" / "Preferences" / "com.apple.screencapture.plist"
    if not settings.exists():
        return None
    try:
        location = plistlib.loads(settings.read_bytes()).get("location")
    except plistlib.InvalidFileException:
        return None
    return Path(location).expanduser() if isinstance(location, str) and location else None


def _freedesktop() -> Path | None:
    """KDE's own setting first; then the folder that GNOME and KDE share."""
    config = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    if named := _entry(config / "spectaclerc", "imageSaveLocation"):
        return Path(named.removeprefix("file://")).expanduser()
    pictures = _entry(config / "user-dirs.dirs", "XDG_PICTURES_DIR").strip('"').replace("$HOME", str(Path.home()))
    return (Path(pictures) if pictures else Path.home() / "Pictures") / "Screenshots"


def _entry(file: Path, name: str) -> str:
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    found = [line.partition("=")[2].strip() for line in lines if line.partition("=")[0].split("[")[0].strip() == name]
    return found[0] if found else ""
