"""From the text that names a file to a place inside the allowed folders."""

import os
import re
from pathlib import Path
from urllib.parse import unquote_to_bytes

from img402_mcp.client.files.refusal import FileRefused
from img402_mcp.client.files.roots import MAX_PATH_LENGTH, Roots
from img402_mcp.errors import ReadRefused, quoted


def refusal(path: str, reason: FileRefused, roots: Roots, base: Path | None) -> ReadRefused:
    sentences = (f"{quoted(path)} {reason.clause}.", reason.hint, _start(path, base), roots.in_words())
    return ReadRefused(" ".join(filter(None, sentences)))


def located_in_roots(text: str, roots: Roots, base: Path | None) -> Path:
    try:
        plain = os.path.normpath(working_directory(base) / plain_path(text))
        resolved = None if _is_foreign_share(plain, roots) else Path(os.path.realpath(plain))
    except (OSError, RuntimeError):  # a link that may not be read, too long a chain of them, a user without a home
        resolved = None
    if resolved is None or not roots.contain(resolved):
        raise FileRefused("does not lead into an allowed folder")
    return resolved


def working_directory(base: Path | None) -> Path:
    try:
        return base or Path.cwd()
    except OSError:  # it was deleted
        return Path(os.path.sep)


def _start(text: str, base: Path | None) -> str:
    if Path(text[:MAX_PATH_LENGTH]).is_absolute() or text.startswith("~") or _URL.match(text):
        return ""
    return f"A relative path starts at {quoted(str(working_directory(base)))}."


def _is_foreign_share(plain: str, roots: Roots) -> bool:
    """Windows sends credentials to whatever server a `\\\\server\\share` path names, by merely resolving it."""
    drive = os.path.splitdrive(plain)[0]
    return drive.startswith(("\\\\", "//")) and all(Path(drive).drive != root.drive for root in roots.directories)


_URL = re.compile(r"[a-z][a-z0-9+.-]+://|data:", re.IGNORECASE)


def plain_path(text: str) -> Path:
    """The path that a text means: `~` and file:// URLs are understood, all else stands as it is written."""
    if text.lower().startswith("file://"):
        text = _from_file_url(text)
    elif _URL.match(text):
        raise FileRefused("is a URL; the path of a file on this machine was wanted")
    if len(text) > MAX_PATH_LENGTH:
        raise FileRefused(f"is {len(text):,} characters long; a path has at most {MAX_PATH_LENGTH:,}")
    if "\0" in text:
        raise FileRefused("holds a character that no file name can have")
    if not _is_encodable(text):
        raise FileRefused("holds a character that is no UTF-8; rename the file to upload it")
    is_home = text == "~" or text.startswith(("~/", f"~{os.path.sep}"))
    return Path(text).expanduser() if is_home else Path(text)


def _from_file_url(url: str) -> str:
    host, _, rest = url[len("file://") :].partition("/")
    if host.lower() not in ("", "localhost"):
        raise FileRefused("names another host; only files on this machine can be read, as in file:///folder/shot.png")
    try:
        path = "/" + unquote_to_bytes(rest).decode()
    except ValueError:
        raise FileRefused("is not percent-encoded UTF-8; give the plain path instead") from None
    return path[1:] if os.path.splitdrive(path[1:])[0] else path  # /C:/shot.png, on Windows alone


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
        os.fsencode(text)
    except UnicodeEncodeError:
        return False
    return True
