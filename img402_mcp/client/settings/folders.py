"""The folders whose images may be uploaded: those in flags or the environment, else a few usual ones. The prompt
decides which file is sent, and a Desktop may hold scans of passports. So the defaults are the working directory, the
temporary folders, and the folder that the system uses only for screenshots.
"""

import os
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from img402_mcp.client.settings.variables import file_path
from img402_mcp.errors import SettingsError, quoted

VARIABLE = "IMG402_ALLOW_DIRS"


def listed_folders(environ: Mapping[str, str]) -> tuple[Path, ...]:
    if not (listed := environ.get(VARIABLE, "")):
        return ()
    _demand_plain(listed)
    return named_folders(VARIABLE, [name for name in listed.split(os.pathsep) if name.strip()] or [""])


def named_folders(setting: str, names: Sequence[str | Path]) -> tuple[Path, ...]:
    """An unset shell variable gives an empty name, which would mean the working directory."""
    if any(not str(name).strip() for name in names):
        raise SettingsError(f"{setting} names an empty folder. Is a variable in it not set? Name the folder itself.")
    return tuple(file_path(name, setting) for name in names)


def _demand_plain(listed: str, *, windows: bool = os.name == "nt") -> None:
    """Refuses shell syntax that people write there but no program expands or unescapes."""
    separator = ";" if windows else ":"
    if re.search(r"[\x00-\x1f]", listed):
        raise SettingsError(f"{VARIABLE} holds a line break or a tab. In JSON a backslash is written twice: C:\\\\new.")
    if variable := re.search(r"%\w+%|\$\w+|\$\{\w+\}|\$env:\w+", listed):
        raise SettingsError(
            f"{VARIABLE} holds {quoted(variable[0])}, which nothing expands here. Name the folder itself."
        )
    if listed.strip()[:1] in "\"'[" and listed.strip()[-1:] in "\"']":
        raise SettingsError(
            f"{VARIABLE} has quotes or brackets around it. Write the folders alone, {separator} between."
        )
    if windows and re.search(r":\s*[A-Za-z]:[\\/]", listed):
        raise SettingsError(f"{VARIABLE} has a colon between its folders. On Windows write ; between them.")
    if not windows and re.search(r";\s*[/~]", listed):
        raise SettingsError(f"{VARIABLE} has a semicolon between its folders. On this system write : between them.")
    if not windows and re.match(r"\s*[A-Za-z]:[\\/]", listed):
        raise SettingsError(
            f"{VARIABLE} names a Windows path, and img402-mcp runs on another system (WSL, a container?). Name the "
            "folder as it is called here; under WSL C:\\Users\\me is /mnt/c/Users/me."
        )


def allow_list_file() -> Path:
    """The user's own list. Not in the state folder, which an agent's configuration may move. Raises SettingsError."""
    from platformdirs import user_config_path  # noqa: PLC0415  # lazy: it costs start-up time

    try:
        return user_config_path("img402-mcp", appauthor=False) / "allowed-folders.json"
    except RuntimeError:
        raise SettingsError(f"This user has no home folder to keep a list in: set {VARIABLE}.") from None


def default_folders() -> dict[Path, str]:
    """Each with the reason why it may be read."""
    found = {str(here): "the working directory" for here in (_working_directory(),) if here}
    for temporary in (tempfile.gettempdir(), *(() if os.name == "nt" else ("/tmp",))):  # noqa: S108  # only read from
        found.setdefault(temporary, "a temporary folder")
    if (screenshots := screenshots_folder()) and not is_too_wide(screenshots):
        found[str(screenshots)] = "where this system keeps screenshots"
    return {Path(path): reason for path, reason in found.items() if Path(path).is_dir()}


def _working_directory() -> Path | None:
    try:
        here = Path.cwd().resolve()
    except OSError:  # it was deleted
        return None
    return None if is_too_wide(here) else here


def is_too_wide(folder: Path) -> str:
    """Why a folder is not allowed as a whole, as a clause that continues a sentence; empty if it is allowed."""
    home = home_folder()
    if folder == Path(folder.anchor):
        return "is a whole disk"
    if home is not None and home.is_relative_to(folder):
        return "is the home folder" if folder == home else "holds the home folder"
    if any(folder.is_relative_to(system) for system in _system_folders()):
        return "is a folder of the system"
    return ""


def why_not_allowed(folder: Path) -> str:
    """Why not even the user can allow a folder as a whole, as a clause; empty if the user can."""
    is_hidden = any(map(_is_hidden, (folder, *folder.parents[:-1])))
    return is_too_wide(folder) or ("is hidden, or inside a hidden folder" if is_hidden else "")


def _is_hidden(folder: Path) -> bool:
    """By its name; on Windows (AppData) and macOS (Library) by a flag."""
    if folder.name.startswith("."):
        return True
    try:
        status = folder.stat()
    except OSError:
        return False
    return is_flagged_hidden(getattr(status, "st_flags", 0), getattr(status, "st_file_attributes", 0))


def is_flagged_hidden(flags: int, attributes: int) -> bool:
    """UF_HIDDEN of macOS, FILE_ATTRIBUTE_HIDDEN of Windows."""
    return bool(flags & 0x8000 or attributes & 0x2)


def home_folder() -> Path | None:
    """None for a user without one, such as a container's unknown id or a Windows service."""
    try:
        return Path.home().resolve()
    except (RuntimeError, OSError):
        return None


_OF_WINDOWS = {
    "SystemRoot": "Windows",
    "ProgramFiles": "Program Files",
    "ProgramFiles(x86)": "Program Files (x86)",
    "ProgramData": "ProgramData",
}
"""Variable -> its usual folder, since agents pass on few variables."""


def _system_folders() -> list[Path]:
    if os.name == "nt":
        drive = os.environ.get("SYSTEMDRIVE") or "C:"
        return [Path(os.environ.get(name) or f"{drive}\\{usual}") for name, usual in _OF_WINDOWS.items()]
    # Not /private and /var as a whole: macOS keeps the temporary folders there.
    names = ("/bin", "/boot", "/dev", "/etc", "/lib", "/proc", "/run", "/sbin", "/sys", "/usr", "/System", "/Library")
    return [Path(name) for name in (*names, "/private/etc")]


# The folder that the system uses only for screenshots. Sources: Windows' known folder Screenshots, which OneDrive
# moves; GNOME's and KDE's defaults and KDE's spectaclerc; macOS's com.apple.screencapture, by default the Desktop.


def screenshots_folder(system: str = sys.platform) -> Path | None:
    """None if there is none, or if it is the Desktop or the home folder, which hold more than screenshots."""
    look_up = {"win32": _windows, "darwin": _macos}.get(system, _freedesktop)
    try:
        folder = look_up()
        holding_more = {Path.home().resolve(), (Path.home() / "Desktop").resolve()}
        return folder if folder and folder.is_dir() and folder.resolve() not in holding_more else None
    except (OSError, RuntimeError, ValueError):
        return None


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
