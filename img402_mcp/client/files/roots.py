"""The folders that may be read from."""

import os
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from img402_mcp.errors import SettingsError, quoted

MAX_PATH_LENGTH = 4096  # PATH_MAX of Linux; macOS has 1024. Resolving costs the square of the length.
SETTING = "IMG402_ALLOW_DIRS or --allow-dir"


@dataclass(frozen=True)
class Roots:
    """`reasons`: why each may be read. `way_out`: how to allow another. `may_grow`: `img402-mcp allow` can add more."""

    directories: tuple[Path, ...]
    reasons: Mapping[Path, str] = field(default_factory=dict, compare=False)
    way_out: str = field(default="", compare=False)
    may_grow: bool = field(default=False, compare=False)

    @classmethod
    def resolve(cls, paths: Iterable[str | Path], way_out: str = "") -> "Roots":
        """Raises SettingsError for a folder that does not exist."""
        directories = tuple(dict.fromkeys(existing_folder(path) for path in paths))
        if not directories:
            raise SettingsError(f"{SETTING} names no folder, so nothing could be read; name at least one.")
        return cls(directories, way_out=way_out)

    def contain(self, path: Path) -> bool:
        return self.respelled(path) is not None

    def respelled(self, path: Path) -> Path | None:
        """The path, with its root in the root's own spelling; None if it is in no root."""
        if any(path.is_relative_to(root) for root in self.directories):
            return path
        same = (root for root in self.directories if _is_same_by_another_spelling(path, root))
        return next((root.joinpath(*path.parts[len(root.parts) :]) for root in same), None)

    def in_words(self) -> str:
        names = ", ".join(quoted(str(root), MAX_PATH_LENGTH) for root in self.directories)
        return " ".join(filter(None, (f"Allowed folders: {names}.", self.way_out)))


def existing_folder(path: str | Path, setting: str = SETTING) -> Path:
    """Resolved. Raises SettingsError."""
    try:
        folder = Path(os.path.realpath(Path(path).expanduser(), strict=True))
    except (OSError, RuntimeError, ValueError):
        raise SettingsError(f"{setting} names {quoted(str(path))}, which does not exist; name a folder.") from None
    if not folder.is_dir():
        raise SettingsError(f"{setting} names {quoted(str(path))}, which is not a folder; name a folder.")
    return folder


def folded(name: str) -> str:
    """One spelling for names that a file system may treat as the same: case, and the form of an umlaut."""
    return unicodedata.normalize("NFC", name).casefold()


def _is_same_by_another_spelling(path: Path, root: Path) -> bool:
    """Asks the disk itself: some, such as those of macOS, ignore case and normal forms."""
    count = len(root.parts)
    if [*map(folded, path.parts[:count])] != [*map(folded, root.parts)]:
        return False
    try:
        return Path(*path.parts[:count]).samefile(root)
    except OSError:
        return False
