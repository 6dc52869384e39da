"""The host's secret, made once where none is given."""

import os
import secrets
from pathlib import Path

from img402_mcp.errors import SettingsError

LENGTH = 32


def stored_secret(folder: Path) -> bytes:
    """From the file `secret` in the folder. Several workers that start at once come to the same one.

    Raises OSError, and SettingsError for a file that was cut: with an empty secret anyone could make keys.
    """
    path = folder / "secret"
    if not path.exists():
        _make(path)
    secret = path.read_bytes()
    if len(secret) < LENGTH:
        raise SettingsError(
            f"The host's secret {path} has {len(secret)} bytes, and {LENGTH} were written. Restore it from a backup; "
            "or remove it, and a new one is made, with which tokens, delete URLs and signed URLs given out so far are "
            "worthless."
        )
    return secret


def _make(path: Path) -> None:
    """Written whole under another name, then linked: anyone who is first wins, and nobody reads half a secret."""
    draft = path.with_name(f"secret.{secrets.token_hex(8)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(secrets.token_bytes(LENGTH))
        file.flush()
        os.fsync(file.fileno())
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
