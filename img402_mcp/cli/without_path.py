"""An image without a path: from stdin, or from the clipboard. Only commands for a person accept it."""

import sys
from types import SimpleNamespace as Flags
from typing import NamedTuple

from img402_mcp.errors import ReadRefused, SettingsError

STDIN = "-"


class GivenImage(NamedTuple):
    """`name` is used in place of the path: in the snippet, the history and messages."""

    name: str
    data: bytes


def given_image(flags: Flags, most: int) -> GivenImage | None:
    """None if there are paths. Raises ReadRefused, SettingsError. It blocks."""
    if not flags.clipboard and STDIN not in flags.paths:
        return None
    if (flags.clipboard and flags.paths) or len(flags.paths) > 1:
        raise SettingsError(
            "Give paths, or - for one image on stdin, or --clipboard; one of the three. `./-` is a file."
        )
    if flags.paid:
        raise SettingsError("--paid takes files only: save the image first. Nothing was sent or paid.")
    if not flags.clipboard:
        return GivenImage("image", _on_stdin(most))
    from img402_mcp.cli import clipboard  # noqa: PLC0415  # few commands need it

    return GivenImage("screenshot", clipboard.picture(most))


def _on_stdin(most: int) -> bytes:
    if sys.stdin.isatty():
        raise SettingsError("- reads an image from a pipe or a file: `img402-mcp upload - < shot.png`.")
    data = sys.stdin.buffer.read(most + 1)
    if len(data) > most:
        raise ReadRefused(f"stdin holds more than {most:,} bytes. Nothing was sent.")
    return data
