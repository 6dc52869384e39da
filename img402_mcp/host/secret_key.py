"""The host's secret: IMG402_HOST_SECRET, or one that is created once in the data folder."""

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from img402_mcp.atomic_write import atomic_write
from img402_mcp.errors import SettingsError
from img402_mcp.host.private_files import is_open_to_others
from img402_mcp.host.settings import HostSettings
from img402_mcp.host.settings.variables import SECRET_LENGTH, demand_strong

_LARGEST = 65_536
_RESTORE = (
    "Restore it from a backup; or remove it, and a new one is made, with which the tokens, delete URLs and signed URLs "
    "given out so far no longer work."
)


def secret_of(settings: HostSettings) -> bytes:
    """Raises SettingsError, for a weak secret too."""
    if settings.secret:
        return settings.secret.encode()
    try:
        return stored_secret(settings.data)
    except OSError as error:
        raise SettingsError(
            f"The host cannot keep its secret in {settings.data}: {error}. Check --data, or set IMG402_HOST_SECRET."
        ) from error


def stored_secret(folder: Path) -> bytes:
    """Read from the file `secret` in the folder. Workers that start together get the same one.

    Raises OSError, and SettingsError for a truncated file or one that others can read.
    """
    path = folder / "secret"
    if not path.exists():
        with suppress(FileExistsError):  # another worker was first
            atomic_write(path, secrets.token_bytes(SECRET_LENGTH))
    secret, found = _read(path)
    demand_strong(secret, f"The host's secret {path}", f". {_RESTORE}")
    if is_open_to_others(found):
        raise SettingsError(
            f"The host's secret {path} can be read by other users (mode {stat.S_IMODE(found.st_mode):04o}), and anyone "
            f"who knows it can delete every image and forge signed URLs. Run `chmod 600 {path}`. If somebody may have "
            f"read it: {_RESTORE}"
        )
    return secret


def _read(path: Path) -> tuple[bytes, os.stat_result]:
    """A pipe in its place is not waited for."""
    with os.fdopen(
        os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)), "rb"
    ) as file:
        return file.read(_LARGEST), os.fstat(file.fileno())
