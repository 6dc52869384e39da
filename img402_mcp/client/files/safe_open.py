"""From the path that a model names to the bytes of one image, and to nothing outside the allowed folders.

The path is resolved, links and all, and must then lie inside a root by whole components. Links may be swapped
after that look, so the *resolved* path is opened from the top of the file system downward, one component at a
time, following nothing. Starting at the top and not at a kept descriptor of the root means that a root deleted and
made anew goes on working, and that a link put in place of a root's parent is refused too. Folders are opened for
passing through only (O_PATH) where the system can, so the right to search them is enough. The file is looked at
before it is opened, so that a pipe or device never is; it is read once, and those bytes are the image.

Whatever lies outside the roots gets one sentence, there or not: no answer tells what exists elsewhere. For the
same reason `..` takes back the word before it without asking the disk, as in a URL. One thing shows: a link
outside that leads into a root works.

What this cannot see: a hard link, which is the file itself under another name; a writer that changes a file in
place, to the same size, within one tick of the file system's clock. Where `dir_fd` is missing (Windows) the path is
opened whole and resolved again afterwards: a folder swapped for a link and back and forth again, between three calls,
can pass there. The answer is then still an image and nothing else.
"""

import errno
import hashlib
import os
import re
import stat
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Literal
from urllib.parse import unquote_to_bytes

from img402_mcp.errors import ReadRefused, SettingsError, quoted
from img402_mcp.formats import FORMATS, NotAnImage, Picture, examine

LONGEST_PATH = 4096  # PATH_MAX of Linux; macOS has 1024. Resolving costs the square of the length.
SETTING = "IMG402_ALLOW_DIRS or --allow-dir"
MOST_SIBLINGS = 10_000  # looked through for a name that was meant; a download folder holds a few thousand


@dataclass(frozen=True)
class Roots:
    """The folders that may be read from, resolved once at start."""

    directories: tuple[Path, ...]

    @classmethod
    def resolve(cls, paths: Iterable[str | Path]) -> "Roots":
        directories = tuple(dict.fromkeys(_existing_folder(path) for path in paths))
        if not directories:
            raise SettingsError(f"{SETTING} names no folder, so nothing could be read; name at least one.")
        return cls(directories)

    def contain(self, path: Path) -> bool:
        return any(path.is_relative_to(root) for root in self.directories)

    def in_words(self) -> str:
        names = ", ".join(quoted(str(root), LONGEST_PATH) for root in self.directories)
        return f"Allowed folders: {names} (set by {SETTING})."


def _existing_folder(path: str | Path) -> Path:
    try:
        folder = Path(os.path.realpath(Path(path).expanduser(), strict=True))
    except (OSError, RuntimeError, ValueError):
        raise SettingsError(f"{SETTING} names {quoted(str(path))}, which does not exist; name a folder.") from None
    if not folder.is_dir():
        raise SettingsError(f"{SETTING} names {quoted(str(path))}, which is not a folder; name a folder.")
    return folder


@dataclass(frozen=True)
class Image:
    """What is sent: the file's very bytes, or what preparing made of them, which `done` then tells."""

    path: Path
    data: bytes = field(repr=False)
    picture: Picture
    source: str = field(default="", repr=False)
    """The sha256 of the file as it lay on the disk, in hexadecimal."""
    done: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.source:
            object.__setattr__(self, "source", hashlib.sha256(self.data).hexdigest())


Opening = Callable[[Path], AbstractContextManager[int]]
Trailing = Literal["refuse", "keep"]


class FileRefused(Exception):
    """`clause` goes on from the path; `hint` is a sentence of its own."""

    def __init__(self, clause: str, hint: str = "") -> None:
        super().__init__(clause)
        self.clause = clause
        self.hint = hint


def read_image(  # noqa: PLR0913  keywords, each with a default
    path: str,
    roots: Roots,
    *,
    limit: int,
    base: Path | None = None,
    opening: Opening | None = None,
    trailing: Trailing = "refuse",
) -> Image:
    """One whole image of at most `limit` bytes, or ReadRefused. Relative paths start at `base`, by default the
    working directory. It blocks, so call it in a thread.

    Bytes behind the image's end are refused; with `trailing="keep"` they are in its `data`, for whoever cuts them.
    """
    try:
        located = located_in_roots(path, roots, base)
        data = read_bytes(located, roots, limit, opening or OPENING)
        return Image(located, data, _picture_in(data, trailing))
    except FileRefused as reason:
        refused = refusal(path, reason, roots, base)
    raise refused


def refusal(path: str, reason: FileRefused, roots: Roots, base: Path | None) -> ReadRefused:
    sentences = (f"{quoted(path)} {reason.clause}.", reason.hint, _start(path, base), roots.in_words())
    return ReadRefused(" ".join(filter(None, sentences)))


# From the text to a place inside the roots


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
    if Path(text[:LONGEST_PATH]).is_absolute() or text.startswith("~") or _URL.match(text):
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
    if len(text) > LONGEST_PATH:
        raise FileRefused(f"is {len(text):,} characters long; a path has at most {LONGEST_PATH:,}")
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


# From a resolved path to an open file


_THROUGH = ("O_RDONLY", "O_PATH", "O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC")
_FOR_READING = ("O_RDONLY", "O_NOFOLLOW", "O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY", "O_NOINHERIT")


def flags(names: Iterable[str]) -> int:
    return sum(getattr(os, name, 0) for name in names)


@contextmanager
def open_by_walking(path: Path) -> Iterator[int]:
    with open_folder(path.parent) as folder:
        name = path.name or "."
        seen = os.stat(name, dir_fd=folder, follow_symlinks=False)
        _demand_file(seen)
        with _checked(os.open(name, flags(_FOR_READING), dir_fd=folder), seen) as descriptor:
            yield descriptor


@contextmanager
def open_by_rechecking(path: Path) -> Iterator[int]:
    seen = os.lstat(path)
    _demand_file(seen)
    with _checked(os.open(path, flags(_FOR_READING)), seen) as descriptor:
        if Path(os.path.realpath(path)) != path or not os.path.samestat(os.lstat(path), seen):
            raise _changed()
        yield descriptor


CAN_WALK = {os.open, os.stat} <= os.supports_dir_fd and hasattr(os, "O_NOFOLLOW") and hasattr(os, "O_DIRECTORY")
OPENING: Opening = open_by_walking if CAN_WALK else open_by_rechecking


@contextmanager
def open_folder(path: Path) -> Iterator[int]:
    here = os.open(path.anchor, flags(_THROUGH))
    try:
        for name in path.parts[1:]:
            inner = os.open(name, flags(_THROUGH), dir_fd=here)
            os.close(here)
            here = inner
        yield here
    finally:
        os.close(here)


@contextmanager
def _checked(descriptor: int, seen: os.stat_result) -> Iterator[int]:
    """The open file, if it is still the one that was looked at; closed in the end whatever happens."""
    try:
        opened = os.fstat(descriptor)
        _demand_file(opened)
        if not os.path.samestat(opened, seen):
            raise _changed()
        yield descriptor
    finally:
        os.close(descriptor)


def _demand_file(status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise FileRefused("is a folder; the path of one file was wanted")
    if stat.S_ISLNK(status.st_mode):
        raise FileRefused(_LINKED)
    if not stat.S_ISREG(status.st_mode):
        raise FileRefused("is not a regular file but a device, pipe or socket")


# From an open file to an image


def read_bytes(path: Path, roots: Roots, limit: int, opening: Opening) -> bytes:
    try:
        with opening(path) as descriptor:
            return _read_once(descriptor, limit)
    except FileNotFoundError:
        raise FileRefused("does not exist", _meant(path, roots)) from None
    except OSError as error:
        raise FileRefused(REASONS.get(error.errno or 0) or f"cannot be read: {error.strerror}") from None


def _read_once(descriptor: int, limit: int) -> bytes:
    before = os.fstat(descriptor)
    if not before.st_size:
        raise FileRefused("is empty, or still being written")
    if before.st_size > limit:
        raise FileRefused(f"is too large: it has {before.st_size:,} bytes, and at most {limit:,} can be sent")
    with open(descriptor, "rb", closefd=False) as file:
        data = file.read(before.st_size + 1)
    after = os.fstat(descriptor)
    if (len(data), after.st_mtime_ns) != (before.st_size, before.st_mtime_ns) or after.st_size != before.st_size:
        raise _changed()
    return data


def _picture_in(data: bytes, trailing: Trailing) -> Picture:
    try:
        picture = examine(data)
    except NotAnImage as error:
        raise FileRefused(f"{error}; only {_names()} images are sent") from None
    surplus = len(data) - picture.end
    if surplus and trailing == "refuse":
        raise FileRefused(
            f"is refused: {surplus:,} bytes follow the image's end; the file may hold more than the picture"
        )
    return picture


def _names() -> str:
    *most, last = (each.name for each in FORMATS)
    return f"{', '.join(most)} and {last}"


# The reasons


_LINKED = "goes through a link that leads in a circle, or that was put there while it was read"
REASONS = {
    errno.ENOTDIR: "goes through something that is not a folder, or that was swapped for a link while it was read",
    errno.ELOOP: _LINKED,
    errno.EMLINK: _LINKED,  # FreeBSD says so where others say ELOOP
    errno.ENAMETOOLONG: "holds a name that is too long for the file system",
    errno.EACCES: "may not be read by the user whom this server runs as",
    errno.EPERM: "may not be read by this server; on macOS allow its app under Privacy & Security, Files and Folders",
}


def _changed() -> FileRefused:
    return FileRefused("changed while it was read; try again")


def _meant(path: Path, roots: Roots) -> str:
    """The one name in the same folder that reads alike: macOS writes U+202F before AM and PM, and models a space."""
    if not CAN_WALK or path in roots.directories:  # above a root nothing may be listed
        return ""
    alike = [name for name in _siblings(path) if _folded(name) == _folded(path.name)]
    # Escaped, since the two look alike.
    return f'Did you mean "{ascii(alike[0])[1:-1]}" in the same folder?' if len(alike) == 1 else ""


def _siblings(path: Path) -> list[str]:
    try:
        with open_folder(path.parent) as folder, listable(folder) as place, os.scandir(place) as entries:
            return [entry.name for entry in islice(entries, MOST_SIBLINGS)]
    except OSError:
        return []


@contextmanager
def listable(folder: int) -> Iterator[int]:
    descriptor = os.open(".", flags(("O_RDONLY", "O_DIRECTORY", "O_CLOEXEC")), dir_fd=folder)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _folded(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())
