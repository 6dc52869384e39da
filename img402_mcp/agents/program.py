"""The program that runs now, as an agent can start it tomorrow from any folder."""

import os
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

from img402_mcp.errors import SettingsError, quoted

SCRIPT = "img402-mcp.exe" if os.name == "nt" else "img402-mcp"


def running_program(
    environment: Path = Path(sys.prefix), scripts: Sequence[str] | None = None, python: str = sys.executable
) -> tuple[str, ...]:
    """The words of the command, the first an absolute path. Raises SettingsError where none lasts.

    The path of a link is kept, since the link outlives an update of what it leads to.
    """
    if cache := _cache(environment):
        raise SettingsError(
            f"This program runs from a cache, {quoted(str(cache))}, and is gone once that is emptied. Install it with "
            "`uv tool install`, `pipx install` or scripts/setup, and run `img402-mcp install` again."
        )
    for folder in _scripts() if scripts is None else scripts:
        if (program := Path(folder, SCRIPT)).is_file() and program.is_absolute():
            return (str(program),)
    if not python:
        raise SettingsError("The path of the running Python is unknown, so no agent could start this program.")
    return (os.path.abspath(python), "-m", "img402_mcp")  # noqa: PTH100  # a virtual environment's link is kept


def _scripts() -> list[str]:
    """Of this environment, and of a `pip install --user` if that is what runs: pipx has links in the same folder."""
    user = sysconfig.get_preferred_scheme("user")
    is_users = Path(__file__).is_relative_to(sysconfig.get_path("purelib", user))
    return [sysconfig.get_path("scripts"), *([sysconfig.get_path("scripts", user)] if is_users else ())]


def _cache(environment: Path) -> Path | None:
    """The folder above that calls itself a cache, as uv's does, or that pipx uses for `pipx run`."""
    for folder in environment.parents:
        if (folder / "CACHEDIR.TAG").is_file() or _is_of_pipx_run(folder):
            return folder
    return None


def _is_of_pipx_run(folder: Path) -> bool:
    """`~/.cache/pipx`, `~/.local/pipx/.cache`, and their like on macOS and Windows."""
    return {folder.name.lower(), folder.parent.name.lower()} in (
        {"pipx", ".cache"},
        {"pipx", "caches"},
        {"pipx", "cache"},
    )
