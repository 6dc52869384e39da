"""A person's clipboard: pixels are read from it, and text is written to it. A separate helper process reads it. A list
of files on it is never followed: that would bypass the allow-list.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from threading import Timer
from typing import NamedTuple

from img402_mcp.errors import ReadRefused, SettingsError

SECONDS = 15
IMAGES = ("image/png", "image/webp", "image/jpeg", "image/gif", "image/bmp", "image/tiff", "image/avif", "image/heic")
"""The types to ask for, the best first."""
_FILES = ("text/uri-list", "x-special/gnome-copied-files")
_NO_PICTURE = "The clipboard holds no picture. Copy one (a screenshot, or an image itself), then call again."
_ONLY_FILES = (
    "The clipboard holds files, not a picture's pixels, and files are uploaded only by their path: `img402-mcp upload "
    "PATH`."
)
# Pillow answers with an image, a list of files or nothing.
_GRAB = """
import sys
from PIL import Image, ImageGrab
found = ImageGrab.grabclipboard()
if isinstance(found, Image.Image):
    found.save(sys.stdout.buffer, "PNG")
sys.exit(0 if isinstance(found, Image.Image) else 4 if found else 3)
"""
_FILES_CODE = 4


class Tools(NamedTuple):
    """Commands. `types` lists what the clipboard offers; `paste` ends with the wanted type."""

    paste: tuple[str, ...]
    copy: tuple[str, ...]
    types: tuple[str, ...] = ()
    encoding: str = "utf-8"


_WAYLAND = Tools(("wl-paste", "--no-newline", "--type"), ("wl-copy",), ("wl-paste", "--list-types"))
_XCLIP = ("xclip", "-selection", "clipboard")
_X11 = Tools((*_XCLIP, "-o", "-t"), (*_XCLIP, "-i"), (*_XCLIP, "-o", "-t", "TARGETS"))
_GRABBING = (sys.executable, "-I", "-c", _GRAB)
_OTHERS = {"darwin": Tools(_GRABBING, ("pbcopy",)), "win32": Tools(_GRABBING, ("clip",), encoding="utf-16")}


def tools(environ: Mapping[str, str] = os.environ, system: str = sys.platform) -> Tools:
    """Raises SettingsError."""
    if system in _OTHERS:
        return _OTHERS[system]
    wanted = _WAYLAND if environ.get("WAYLAND_DISPLAY") else _X11 if environ.get("DISPLAY") else None
    if wanted is None:
        raise SettingsError("There is no clipboard here: neither WAYLAND_DISPLAY nor DISPLAY is set.")
    if not shutil.which(wanted.paste[0], path=environ.get("PATH")):
        package = "wl-clipboard" if wanted is _WAYLAND else "xclip"
        raise SettingsError(f"The clipboard needs {wanted.paste[0]}, which is not installed: install {package}.")
    return wanted


def picture(most: int, using: Tools | None = None) -> bytes:
    """At most that many bytes. Raises ReadRefused, SettingsError. It blocks."""
    using = using or tools()
    command = (*using.paste, _offered(using)) if using.types else using.paste
    code, data = _output(command, most)
    if code == _FILES_CODE and not using.types:
        raise ReadRefused(f"{_ONLY_FILES} Nothing was sent.")
    if code or not data:
        raise ReadRefused(f"{_NO_PICTURE} Nothing was sent.")
    return data


def put(text: str, using: Tools | None = None) -> None:
    """Raises SettingsError. The program that holds the text keeps running, so it gets none of our pipes."""
    using = using or tools()
    try:
        subprocess.run(  # noqa: S603  # one of the commands above
            using.copy,
            input=text.encode(using.encoding),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise SettingsError(f"The text was not copied to the clipboard: {using.copy[0]} failed.") from error


def _offered(using: Tools) -> str:
    """The type of the picture. Raises ReadRefused."""
    code, listed = _output(using.types, 100_000)
    offered = set[str]() if code else {*listed.decode("utf-8", "replace").split()}
    if found := next((kind for kind in IMAGES if kind in offered), ""):
        return found
    raise ReadRefused(f"{_ONLY_FILES if offered & {*_FILES} else _NO_PICTURE} Nothing was sent.")


def _output(command: Sequence[str], most: int) -> tuple[int, bytes]:
    """The exit code and the output. Raises ReadRefused for more bytes than that, SettingsError."""
    try:
        with subprocess.Popen(  # noqa: S603  # one of the commands above
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as program:
            return _bounded(program, most)
    except OSError as error:
        raise SettingsError(f"The clipboard could not be read: {command[0]} does not start.") from error


def _bounded(program: subprocess.Popen[bytes], most: int) -> tuple[int, bytes]:
    killing = Timer(SECONDS, program.kill)
    killing.start()
    try:
        data = program.stdout.read(most + 1) if program.stdout else b""
        if len(data) > most:
            program.kill()
            raise ReadRefused(f"The clipboard holds more than {most:,} bytes. Nothing was sent.")
        return program.wait(), data
    finally:
        killing.cancel()
