"""The folders whose images may be uploaded: as flags and environment name them, else a few that are usual."""

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from img402_mcp.errors import SettingsError


def listed_folders(environ: Mapping[str, str]) -> tuple[Path, ...]:
    if not (listed := environ.get("IMG402_ALLOW_DIRS", "")):
        return ()
    return named_folders("IMG402_ALLOW_DIRS", [name for name in listed.split(os.pathsep) if name.strip()] or [""])


def default_folders() -> tuple[Path, ...]:
    """The working directory, unless it is everything or the whole home folder, and where screenshots are put."""
    home = Path.home().resolve()
    try:
        here = Path.cwd().resolve()
    except OSError:  # it was deleted
        here = home
    working = () if home.is_relative_to(here) else (here,)
    shared = (Path("/tmp"),) if Path("/tmp").is_dir() else ()  # noqa: S108  # read from, never written to
    return tuple(dict.fromkeys((*working, Path(tempfile.gettempdir()), *shared)))


def named_folders(setting: str, names: Sequence[str | Path]) -> tuple[Path, ...]:
    """An unset shell variable gives an empty name, which would be the working directory, whatever that is."""
    if any(not str(name).strip() for name in names):
        raise SettingsError(f"{setting} names an empty folder; is a variable in it not set? Name the folder itself.")
    return tuple(Path(name).expanduser() for name in names)
