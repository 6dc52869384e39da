"""The host's secret, made once where none is given."""

import os
import secrets
from pathlib import Path

LENGTH = 32


def kept_secret(folder: Path) -> bytes:
    """From the file `secret` in the folder. Several workers that start at once come to the same one."""
    path = folder / "secret"
    if not path.exists():
        _make(path)
    return path.read_bytes()


def _make(path: Path) -> None:
    """Written whole under another name, then linked: whoever is first wins, and nobody reads half a secret."""
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
