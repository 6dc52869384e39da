r"""Paths of more than 260 characters, which Windows opens only where `\\?\` is before them.

Source: Microsoft, "Maximum Path Length Limitation".
"""

import os
from pathlib import Path

from img402_mcp.client.files.windows_names import with_namespace, without_namespace

WINDOWS = os.name == "nt"


def on_disk(path: Path) -> Path:
    """The path as the system is asked for it."""
    return Path(with_namespace(str(path))) if WINDOWS else path


def resolved(path: Path) -> Path:
    """Links and all, in its plain spelling. Raises OSError."""
    found = os.path.realpath(on_disk(path))
    return Path(without_namespace(found) if WINDOWS else found)
