"""The folders that may be read now: those of the settings, the user's own list, and those allowed in this session.

The user's list is a small file that only `img402-mcp allow` writes. It counts if the settings name no folders, and a
running server sees a change at its next call.
"""

import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from img402_mcp.client.files.roots import SETTING, Roots, existing_folder
from img402_mcp.client.files.windows_names import is_remote, without_namespace
from img402_mcp.client.settings.folders import VARIABLE, allow_list_file, listed_folders
from img402_mcp.client.settings.model import Settings
from img402_mcp.client.settings.variables import file_path
from img402_mcp.errors import SettingsError, quoted

MAX_BYTES = 65_536
BY_THE_USER = "allowed by the user"
FOR_THIS_SESSION = "allowed by the user for this session"


@dataclass(frozen=True)
class AllowList:
    fixed: Roots
    file: Path | None = None
    """The user's list; None if it does not count here."""
    session: dict[Path, str] = field(default_factory=dict)

    @classmethod
    def of(cls, settings: Settings, named: Iterable[Path] = ()) -> "AllowList":
        """`named`: folders named on the command line, added only to the defaults. Raises SettingsError."""
        if by := settings.folders_named_by:
            fixed = Roots.resolve(settings.allow_dirs)
            reasons = dict.fromkeys(fixed.directories, f"named by {by}")
            return cls(Roots(fixed.directories, reasons, f"They are set by {by}."))
        wanted = dict.fromkeys(named, "named on the command line") | dict(settings.default_reasons)
        because = {existing_folder(folder): reason for folder, reason in wanted.items()}
        return cls(Roots(tuple(because), because, may_grow=True), _users_list())

    def roots(self) -> Roots:
        if self.file is None and not self.fixed.may_grow:
            return self.fixed
        users = _existing(listed(self.file)) if self.file else ()
        added = dict.fromkeys(users, BY_THE_USER) | self.session
        reasons = {**self.fixed.reasons, **{path: why for path, why in added.items() if path not in self.fixed.reasons}}
        return Roots(tuple(reasons), reasons, may_grow=True)

    def allow(self, folder: Path) -> None:
        self.session[folder] = FOR_THIS_SESSION


def _users_list() -> Path | None:
    with suppress(SettingsError):
        return allow_list_file()
    return None


def local_path(name: str, setting: str, environ: Mapping[str, str], *, windows: bool = os.name == "nt") -> Path:
    """Raises SettingsError for a share that holds no allowed folder: Windows would log the user in there."""
    if windows and is_remote(without_namespace(name), map(str, _named_by_the_user(environ))):
        raise SettingsError(
            f"{setting} {quoted(name)} is on a network share that holds no allowed folder. Give a path on a drive, or "
            f"name a folder of the share in {VARIABLE} first."
        )
    return file_path(name, setting)


def _named_by_the_user(environ: Mapping[str, str]) -> Iterable[Path]:
    yield from listed_folders(environ)
    if users := _users_list():
        yield from listed(users)


def listed(file: Path) -> list[Path]:
    """The user's list; empty if there is none. A list that cannot be read allows nothing."""
    try:
        with file.open("rb") as opened:
            names = json.loads(opened.read(MAX_BYTES))
    except (OSError, ValueError, RecursionError):
        return []
    return [Path(name) for name in names if isinstance(name, str)] if isinstance(names, list) else []


def write_list(file: Path, folders: Iterable[Path]) -> None:
    """Written completely or not at all, and private to the user. Raises SettingsError."""
    from img402_mcp.atomic_write import atomic_write  # noqa: PLC0415  # only a person's command writes
    from img402_mcp.client.private_files import new_private_file  # noqa: PLC0415  # the same

    text = json.dumps([*map(str, folders)], indent=1, ensure_ascii=False)
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        atomic_write(file, text.encode(), create=new_private_file, overwrite=True)
    except OSError as error:
        raise SettingsError(f"The list {quoted(str(file))} could not be written: {error.strerror}.") from error


def _existing(folders: Iterable[Path]) -> Iterable[Path]:
    for folder in folders:
        with suppress(SettingsError):  # it was deleted, or its disk is not mounted; `allow --list` says so
            yield existing_folder(folder, SETTING)
