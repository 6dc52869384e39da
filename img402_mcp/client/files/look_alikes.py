"""Finds the file that a text means if no file has exactly that name.

macOS writes U+202F before AM and PM, and some disks keep an umlaut as two characters; models write a plain space and
one character, and leave quotes, backquotes, `@`, shell escapes or percent signs around a path. Only the allowed
folders are searched.
"""

import os
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote

from img402_mcp.client.files.paths import absolute, before_marks, located_in_roots, refusal
from img402_mcp.client.files.refusal import FileRefused
from img402_mcp.client.files.roots import Roots, folded
from img402_mcp.client.files.safe_open import scanned
from img402_mcp.errors import OutsideRoots, ReadRefused

T = TypeVar("T")
Alike = Callable[[str], str]

MAX_SIBLINGS = 10_000
"""The most names to compare in one folder; a download folder holds a few thousand."""
MOST_FOLDERS = 50
MOST_READINGS = 16
SHOWN = 5
_DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2212"), "-")
_QUOTES = dict.fromkeys(map(ord, "\u2018\u2019\u201b"), "'") | dict.fromkeys(map(ord, "\u201c\u201d\u201f"), '"')
_QUOTED = re.compile(r"(?P<q>['\"`])(?P<inside>.+)(?P=q)|[\u2018\u201c<(\[](?P<other>.+)[\u2019\u201d>)\]]", re.DOTALL)


def read_named(
    path: str, roots: Roots, read: Callable[[Path], T], *, exact: bool = False
) -> tuple[Path, T, tuple[str, ...]]:
    """The place of the file that `path` names, what `read` makes of it, and notes. Raises FileRefused.

    If there is none, the only file with a similar path is taken, and a note names it. If there are several, or they
    differ more, the refusal names them; with `exact` it names a single one, too.
    """
    try:
        located = located_in_roots(path, roots)
        return located, read(located), ()
    except FileRefused as reason:
        if not (reason.missing or reason.outside):
            raise
        refused = reason
    alike = look_alikes(path, roots, by_spelling)
    if exact or len(alike) != 1:
        raise _meant(refused, alike or look_alikes(path, roots, lambda name: folded(by_spelling(name))))
    return alike[0], read(alike[0]), (f"No file has exactly that name, so {_shown(alike[0])} was read.",)


def _meant(refused: FileRefused, alike: list[Path]) -> FileRefused:
    if not alike:
        return refused
    more = " or another" if len(alike) > SHOWN else ""
    hint = f"Did you mean {' or '.join(map(_shown, alike[:SHOWN]))}{more}?"
    return FileRefused("does not exist", hint, missing=True)


def _shown(path: Path) -> str:
    """Escaped, since it looks like the path that was asked for."""
    return f'"{ascii(str(path))[1:-1]}"'


# What reads alike


def by_spelling(name: str) -> str:
    """One form for spaces, normal forms, dashes and quotes, without invisible characters."""
    plain = unicodedata.normalize("NFKC", name).translate(_DASHES | _QUOTES)
    seen = "".join(letter for letter in plain if unicodedata.category(letter) != "Cf")
    return " ".join(seen.split())


def look_alikes(text: str, roots: Roots, alike: Alike = by_spelling) -> list[Path]:
    """The files inside the roots whose paths look like the text, in one of its readings."""
    found: dict[Path, None] = {}
    for reading in islice(readings(text), MOST_READINGS):
        for folder, names in _starts(reading, roots, alike):
            found |= dict.fromkeys(_descended(folder, names, alike))
    return [path for path in found if _is_readable(path, roots)]


def readings(text: str) -> Iterator[str]:
    """The text itself, then without quotes, `@`, escapes and percent signs; each reading once."""
    pending, seen = [text], {text}
    while pending:
        reading = pending.pop(0)
        yield reading
        for undo in (_unquoted, _unescaped, _decoded, _without_drive):
            if (other := undo(reading)) and other not in seen:
                seen.add(other)
                pending.append(other)


def _unquoted(text: str) -> str:
    plain = text.strip().removeprefix("@")
    match = _QUOTED.fullmatch(plain)
    return (match["inside"] or match["other"]) if match else plain


def _unescaped(text: str) -> str:
    return re.sub(r"\\([^A-Za-z0-9])", r"\1", text)


def _decoded(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        return text


def _without_drive(text: str) -> str:
    r"""Under WSL `C:\Users\me` is /mnt/c/Users/me."""
    drive = re.match(r"([A-Za-z]):[\\/]", text)
    if os.name == "nt" or not (drive or "\\" in text):
        return text
    plain = text.replace("\\", "/")
    return f"/mnt/{drive[1].lower()}{plain[2:]}" if drive else plain


# From a reading to the files


def _starts(text: str, roots: Roots, alike: Alike) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """A root that contains the reading, and the names from there on."""
    located = _located(text, roots)
    if located is None:
        return
    for root in roots.directories:
        count = len(root.parts)
        if [*map(alike, located.parts[:count])] == [*map(alike, root.parts)] and len(located.parts) > count:
            yield root, located.parts[count:]


def _located(text: str, roots: Roots) -> Path | None:
    """A place outside may still be a root in another spelling: then only its text counts."""
    try:
        return located_in_roots(text, roots)
    except FileRefused:
        pass
    try:
        return Path(absolute(text, roots))
    except (FileRefused, RuntimeError):
        return None


def _descended(folder: Path, names: tuple[str, ...], alike: Alike) -> Iterable[Path]:
    places = [folder]
    for name in names:
        places = [place / each for place in places for each in _siblings(place) if alike(each) == alike(name)]
        if len(places) > MOST_FOLDERS:
            return []
    return places


def _siblings(folder: Path) -> list[str]:
    try:
        with scanned(folder) as entries:
            return [entry.name for entry in islice(entries, MAX_SIBLINGS)]
    except OSError:
        return []


def _is_readable(path: Path, roots: Roots) -> bool:
    """A regular file, also through a link to another place inside the roots."""
    try:
        return located_in_roots(str(path), roots).is_file()
    except (FileRefused, OSError):
        return False


def outside_roots(patterns: Iterable[str], roots: Roots) -> list[OutsideRoots]:
    """The refusals of those outside, if the user can allow their folders. It blocks, so call it in a thread."""
    found = (_refused(pattern, roots) for pattern in dict.fromkeys(patterns))
    return [refused for refused in found if isinstance(refused, OutsideRoots)]


def _refused(pattern: str, roots: Roots) -> ReadRefused | None:
    try:
        located_in_roots(str(before_marks(Path(absolute(pattern, roots)))), roots)
    except RuntimeError:  # a user without a home
        return None
    except FileRefused as reason:
        is_outside = reason.outside and not look_alikes(pattern, roots)
        return refusal(pattern, reason, roots) if is_outside else None
    return None
