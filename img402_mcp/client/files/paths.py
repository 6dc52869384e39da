"""From the text that names a file to a place inside the allowed folders.

Every text from a model or a person passes here on its way to the disk: `absolute` makes sure, from the text alone,
that no network share is touched. Only paths that pass it may be resolved.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote_to_bytes

from img402_mcp.caller import worded
from img402_mcp.client.files.refusal import FileRefused, outside
from img402_mcp.client.files.roots import MAX_PATH_LENGTH, Roots
from img402_mcp.client.files.windows_names import is_remote, oddity, with_namespace, without_namespace
from img402_mcp.errors import OutsideRoots, ReadRefused, quoted

WINDOWS = os.name == "nt"
_URL = re.compile(r"[a-z][a-z0-9+.-]+://|data:", re.IGNORECASE)


@contextmanager
def as_refusals(path: str, roots: Roots) -> Iterator[None]:
    """A FileRefused becomes a sentence about the path as it was given."""
    try:
        yield
    except FileRefused as reason:
        raise refusal(path, reason, roots) from None


def refusal(path: str, reason: FileRefused, roots: Roots) -> ReadRefused:
    """The folders are named only if a folder is the reason."""
    start = _start(path) if reason.outside or reason.missing else ""
    folder = _folder_to_allow(path, roots) if reason.outside else None
    run = worded(tool="Ask the user to run", command="To allow its folder, run")
    way_in = f"{run}: img402-mcp allow {quoted(str(folder), MAX_PATH_LENGTH)}" if folder else ""
    parts = (f"{quoted(path)} {reason.clause}.", reason.hint, start, roots.in_words() if reason.outside else "", way_in)
    sentence = " ".join(filter(None, parts))
    return OutsideRoots(sentence, folder) if folder else ReadRefused(sentence)


def _folder_to_allow(path: str, roots: Roots) -> Path | None:
    """From the text alone: the same for existing and missing files."""
    if not roots.may_grow:
        return None
    try:
        return before_marks(Path(absolute(path, roots)).parent)
    except (FileRefused, RuntimeError):
        return None


def before_marks(path: Path) -> Path:
    """The folder before a pattern's first `*` or `?`; a path without them is returned as it is."""
    marked = (at for at, name in enumerate(path.parts) if "*" in name or "?" in name)
    return Path(*path.parts[: next(marked, len(path.parts))])


def located_in_roots(text: str, roots: Roots) -> Path:
    """Resolved, links and all. Raises FileRefused."""
    try:
        found = resolved(Path(absolute(text, roots)))
    except (OSError, RuntimeError):  # a link that may not be read, too long a chain of them, a user without a home
        raise outside() from None
    if (place := roots.respelled(found)) is None:
        raise outside()
    return place


def on_disk(path: Path) -> Path:
    """The path as the system is asked for it."""
    return Path(with_namespace(str(path))) if WINDOWS else path


def resolved(path: Path) -> Path:
    """Links and all, in its plain spelling. Raises OSError."""
    found = os.path.realpath(on_disk(path))
    return Path(without_namespace(found) if WINDOWS else found)


def absolute(text: str, roots: Roots) -> str:
    """By the text alone. Raises FileRefused for a path on another machine, RuntimeError for an unknown user's home."""
    if WINDOWS:
        text = without_namespace(text)
        _demand_local(text, roots)
    plain = os.path.normpath(working_directory() / plain_path(text))
    if WINDOWS:
        _demand_local(plain, roots)
        if clause := oddity(plain):
            raise FileRefused(clause)
    return plain


def _demand_local(text: str, roots: Roots) -> None:
    if is_remote(text, map(str, roots.directories)):
        raise outside()


def working_directory() -> Path:
    try:
        return Path.cwd()
    except OSError:  # it was deleted
        return Path(os.path.sep)


def _start(text: str) -> str:
    if Path(text[:MAX_PATH_LENGTH]).is_absolute() or text.startswith("~") or _URL.match(text):
        return ""
    return f"A relative path starts at {quoted(str(working_directory()))}."


def plain_path(text: str) -> Path:
    """The path that a text means: `~` and file: URLs are understood, anything else stays as it is."""
    if re.match(r"file:[\\/]", text, re.IGNORECASE):
        text = _from_file_url(text)
    elif _URL.match(text):
        raise FileRefused("is a URL, not the path of a file on this machine")
    if len(text) > MAX_PATH_LENGTH:
        raise FileRefused(f"is {len(text):,} characters long; a path has at most {MAX_PATH_LENGTH:,}")
    if "\0" in text:
        raise FileRefused("holds a NUL character, which no file name can have")
    if not _is_encodable(text):
        raise FileRefused("holds a character that is not UTF-8; rename the file to upload it")
    is_home = text == "~" or text.startswith(("~/", f"~{os.path.sep}"))
    return Path(text).expanduser() if is_home else Path(text)


def _from_file_url(url: str) -> str:
    """`file:/a.png`, `file:///a.png` and `file://localhost/a.png` are the same; `file://C:/a.png` names a drive."""
    rest = url[len("file:") :].replace("\\", "/")
    host, _, path = rest[2:].partition("/") if rest.startswith("//") else ("", "", rest.lstrip("/"))
    if re.fullmatch(r"[A-Za-z][:|]", host):
        host, path = "", f"{host}/{path}"
    if host.lower() not in ("", "localhost"):
        raise FileRefused("names another host; only files on this machine can be read, as in file:///folder/shot.png")
    try:
        decoded = unquote_to_bytes(path).decode()
    except ValueError:
        raise FileRefused("is not percent-encoded UTF-8; give the plain path instead") from None
    return decoded if os.path.splitdrive(decoded)[0] else f"/{decoded}"


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
        os.fsencode(text)
    except UnicodeEncodeError:
        return False
    return True
