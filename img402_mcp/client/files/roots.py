"""The folders that may be read from."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from img402_mcp.errors import SettingsError, quoted

MAX_PATH_LENGTH = 4096  # PATH_MAX of Linux; macOS has 1024. Resolving costs the square of the length.


SETTING = "IMG402_ALLOW_DIRS or --allow-dir"


@dataclass(frozen=True)
class Roots:
    """The folders that may be read from, resolved once at start."""

    directories: tuple[Path, ...]

    @classmethod
    def resolve(cls, paths: Iterable[str | Path]) -> "Roots":
        directories = tuple(dict.fromkeys(_existing_folder(path) for path in paths))
        if not directories:
            raise SettingsError(f"{SETTING} names no folder, so nothing could be read; name at least one.")
        return cls(directories)

    def contain(self, path: Path) -> bool:
        return any(path.is_relative_to(root) for root in self.directories)

    def in_words(self) -> str:
        names = ", ".join(quoted(str(root), MAX_PATH_LENGTH) for root in self.directories)
        return f"Allowed folders: {names} (set by {SETTING})."


def _existing_folder(path: str | Path) -> Path:
    try:
        folder = Path(os.path.realpath(Path(path).expanduser(), strict=True))
    except (OSError, RuntimeError, ValueError):
        raise SettingsError(f"{SETTING} names {quoted(str(path))}, which does not exist; name a folder.") from None
    if not folder.is_dir():
        raise SettingsError(f"{SETTING} names {quoted(str(path))}, which is not a folder; name a folder.")
    return folder
