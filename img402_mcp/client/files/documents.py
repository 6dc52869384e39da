"""The documents that name images: read and written under the allow-list, opened in the same way as an image.

A document is read as safely as an image: it is resolved, then opened from the top of the file system without following
links. Its copy is written to a new file in the same folder first, and takes its name only when it is complete. Nothing
that exists is replaced unless the caller asks for it, and a link never. With hard links only this name is replaced:
the file stays as it is under its other names. Only names that end like a document's are written, so that no path can
turn the copy into a key, a start-up file or a program; `copy_names` has the other rules for names.
"""

import errno
import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from img402_mcp.atomic_write import atomic_write, new_file
from img402_mcp.caller import worded
from img402_mcp.client.files.copy_names import below, demand_no_instructions, demand_plain_path, demand_portable
from img402_mcp.client.files.held_files import HELD, is_held_open
from img402_mcp.client.files.look_alikes import read_named
from img402_mcp.client.files.paths import WINDOWS, as_refusals, located_in_roots, plain_path
from img402_mcp.client.files.refusal import ON_MACOS, REASONS, FileRefused
from img402_mcp.client.files.roots import Roots
from img402_mcp.client.files.safe_open import CAN_WALK, Disk, open_folder, read_bytes
from img402_mcp.client.files.windows_names import without_namespace

MARKDOWN_NAMES = (".md", ".markdown")
HTML_NAMES = (".html", ".htm")
MAX_BYTES = 1_000_000  # without data: URIs; a long chapter has a tenth of that, and any such text is read in seconds
MAX_FILE_BYTES = 16_000_000  # with them, as in an exported notebook


@dataclass(frozen=True)
class Document:
    path: Path
    text: str = field(repr=False)
    """With its own line endings, and its byte order mark if it has one."""
    notes: tuple[str, ...] = field(default=(), compare=False)
    """How the path was read, if no file has exactly that name."""

    @property
    def is_html(self) -> bool:
        return self.path.suffix.lower() in HTML_NAMES


def read_document(path: str, roots: Roots) -> Document:
    """Raises ReadRefused. It blocks."""
    with as_refusals(path, roots):
        return Document(*read_named(path, roots, _read))


def _read(path: Path) -> str:
    _demand_name(path)
    return _text(read_bytes(path, MAX_FILE_BYTES, Disk(), "read as a document"))


def _text(data: bytes) -> str:
    if encoding := _wide_encoding(data):
        raise FileRefused(f"is {encoding}; save it as UTF-8 first")
    if b"\0" in data:
        raise FileRefused("holds a zero byte, so it is not text")
    _demand_short(data)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise FileRefused(f"is not UTF-8 at byte {error.start:,}; save it as UTF-8 first") from None


_MARKS = {b"\xff\xfe\0\0": "UTF-32", b"\0\0\xfe\xff": "UTF-32", b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
"""Byte order marks; UTF-32 begins like UTF-16, so it comes first."""


def _wide_encoding(data: bytes) -> str:
    """The name of an encoding of two or four bytes a character, by its mark or by where the zeros are."""
    for mark, name in _MARKS.items():
        if data.startswith(mark):
            return name
    head = data[:1000]
    few, many = sorted(head[start::2].count(0) / len(head) * 2 for start in (0, 1))
    if many > 0.5:
        return "UTF-32" if few > 0.2 else "UTF-16"
    return ""


_DATA_URI = re.compile(rb"data:[^\s\"'()<>]*", re.IGNORECASE)


def _demand_short(data: bytes) -> None:
    size = len(data) if len(data) <= MAX_BYTES else len(_DATA_URI.sub(b"", data))
    if size > MAX_BYTES:
        raise FileRefused(
            f"is too long: it has {size:,} bytes without its data: URIs, and a document has at most {MAX_BYTES:,}; "
            "split it"
        )


def _demand_name(path: Path) -> None:
    if path.suffix.lower() not in (*MARKDOWN_NAMES, *HTML_NAMES):
        names = ", ".join((*MARKDOWN_NAMES, *HTML_NAMES))
        raise FileRefused(f"is not a document; its name must end in one of {names}")


Opened = Callable[[Path], AbstractContextManager[tuple[Path, int | None]]]
"""The prefix for a name in a folder, and the descriptor to look the name up from, if the system supports that."""


@contextmanager
def opened_by_walking(path: Path) -> Iterator[tuple[Path, int | None]]:
    with open_folder(path) as folder:
        yield Path(), folder


@contextmanager
def opened_by_rechecking(path: Path) -> Iterator[tuple[Path, int | None]]:
    if not stat.S_ISDIR(path.stat().st_mode) or Path(os.path.realpath(path)) != path:
        raise FileRefused(REASONS[errno.ENOTDIR])
    yield path, None


OPENED: Opened = opened_by_walking if CAN_WALK else opened_by_rechecking


def place_for(  # noqa: PLR0913  # keywords, most with a default
    path: str,
    document: Document,
    roots: Roots,
    *,
    overwrite: bool,
    by_tool: bool = False,
    opened: Opened = OPENED,
) -> Path:
    """Raises ReadRefused, before anything is sent. `by_tool`: a model chose the name, not a person."""
    with as_refusals(path, roots):
        meant = without_namespace(path) if WINDOWS else path
        place = _located_place(meant, roots)
        _demand_allowed_name(place, meant, roots, by_tool=by_tool)
        _demand_fitting_name(place, document)
        with _explained(place), opened(place.parent) as (prefix, folder):
            _demand_writable(prefix, folder)
            _demand_free(prefix / place.name, folder, overwrite=overwrite)
        return place


def write_document(text: str, place: Path, document: Document, roots: Roots, *, overwrite: bool) -> None:
    """`place` comes from `place_for`. Raises ReadRefused if the disk has changed since. It blocks."""
    with as_refusals(str(place), roots):
        if place == document.path and read_document(str(place), roots) != document:
            raise FileRefused("was edited while its images were being uploaded, so it was left unchanged")
        with _explained(place), OPENED(place.parent) as (prefix, folder):
            name = prefix / place.name
            create = partial(_new, _demand_free(name, folder, overwrite=overwrite), folder=folder)
            atomic_write(name, text.encode(), create=create, overwrite=overwrite, folder=folder)


def _located_place(path: str, roots: Roots) -> Path:
    """The folder is resolved. The last name is not, so that a link there is noticed."""
    demand_plain_path(path)
    plain = plain_path(path)
    if plain.name in {"", ".."}:
        raise FileRefused("names no file; give the name of the document to write")
    return located_in_roots(str(plain.parent), roots) / plain.name


def _demand_allowed_name(place: Path, path: str, roots: Roots, *, by_tool: bool) -> None:
    """Resolving may change names (Windows drops a dot at the end), so they are also checked as given."""
    names = below(place, roots.directories)
    given = plain_path(path)
    demand_portable((*names, *(name for name in given.parts[-len(names) :] if name not in {given.anchor, ".."})))
    if by_tool:
        demand_no_instructions(names)


def _demand_fitting_name(place: Path, document: Document) -> None:
    _demand_name(place)
    if place.name.startswith("."):
        raise FileRefused("is a hidden file, and hidden files are not written")
    if Document(place, "").is_html != document.is_html:
        raise FileRefused(f'is of another kind than the document; its name must end in "{document.path.suffix}"')


def _demand_writable(prefix: Path, folder: int | None) -> None:
    as_opened = os.access in os.supports_effective_ids
    if not os.access(prefix, os.W_OK | os.X_OK, dir_fd=folder, effective_ids=as_opened):
        raise FileRefused("is in a folder that the user img402-mcp runs as may not write to")


@contextmanager
def _explained(place: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise FileRefused("is in a folder that does not exist; create it first") from None
    except FileExistsError:
        raise FileRefused(_exists()) from None
    except OSError as error:
        held = HELD if is_held_open(place, error, to_replace=True) else ""
        raise FileRefused(held or _REASONS.get(error.errno or 0) or f"cannot be written: {error.strerror}") from None


def _exists() -> str:
    return f"exists already; name another file, or allow it by {worded(tool='`overwrite`', command='--overwrite')}"


_REASONS = {
    errno.ENOTDIR: REASONS[errno.ENOTDIR],
    errno.ELOOP: REASONS[errno.ELOOP],
    errno.ENAMETOOLONG: REASONS[errno.ENAMETOOLONG],
    errno.EACCES: "may not be written by the user img402-mcp runs as",
    errno.EPERM: f"may not be written by img402-mcp; {ON_MACOS}",
    errno.EROFS: "is on a read-only file system",
    errno.ENOSPC: "cannot be written: the disk is full",
}


def _demand_free(name: Path, folder: int | None, *, overwrite: bool) -> int | None:
    """The permissions of the file that would be replaced, or None if there is no such file."""
    try:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(status.st_mode):
        raise FileRefused("exists already, and is not a regular file but a folder, link, device, pipe or socket")
    if not overwrite:
        raise FileRefused(_exists())
    return stat.S_IMODE(status.st_mode)


def _new(permissions: int | None, draft: Path, *, folder: int | None) -> int:
    """With the permissions of the file that it replaces; None means those of any new file."""
    descriptor = new_file(draft, 0o666 if permissions is None else 0o600, folder)
    if permissions is not None and hasattr(os, "fchmod"):
        os.fchmod(descriptor, permissions & 0o777)
    return descriptor
