"""From patterns to the files that they match, only inside the allowed folders. The part before a pattern's first mark
is resolved like any path and must be inside a root. From there on folders are opened from the top down, one name at a
time, without following links: a link is neither passed through nor found, so no pattern lists the target of a link.
Everything outside the roots gets the same sentence.
"""

import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from glob import escape, has_magic
from itertools import islice
from os.path import normcase
from pathlib import Path
from time import monotonic

from anyio.from_thread import check_cancelled

from img402_mcp.client.files.cloud_files import kept_by_icloud
from img402_mcp.client.files.look_alikes import by_spelling
from img402_mcp.client.files.paths import absolute, located_in_roots, on_disk, refusal, working_directory
from img402_mcp.client.files.refusal import REASONS, FileRefused, outside
from img402_mcp.client.files.roots import Roots
from img402_mcp.client.files.safe_open import CAN_WALK, open_folder, scanned
from img402_mcp.errors import ReadRefused

MAX_FILES = 500
"""The most files of one pattern. Each becomes public, so a pattern that matches more must be narrowed."""
MAX_NAMES = 100_000
"""The most names looked at in one call; some tenths of a second."""
MOST_COMPARISONS = 2_000_000
"""The most comparisons of a name with the rest of a pattern; a second or two."""
MOST_SECONDS = 10.0
"""Seconds: a slow disk or a share takes long even for a few names."""
EVERY_FOLDER = "**"

Way = tuple[str, ...]
"""The rest of a pattern below some folder: `("**", "*.png")`."""
Ways = frozenset[Way]


@dataclass(frozen=True)
class Expanded:
    sizes: dict[str, int]
    """The paths in order, each with the size of its file in bytes; 0 if there is none that may be read."""
    refused: tuple[tuple[str, ReadRefused], ...] = ()
    """The patterns that matched no file, each with the reason."""

    @property
    def paths(self) -> list[str]:
        return [*self.sizes]


@dataclass(frozen=True)
class _File:
    path: str
    """As it is returned."""
    place: str
    """The resolved path: the same for all spellings."""
    size: int = 0


class _Budget:
    """Limits the work of one call. It also ends a cancelled call, which a thread does not notice by itself."""

    def __init__(self, names: int) -> None:
        self._names = self._left = names
        self._comparisons = MOST_COMPARISONS
        self._end = monotonic() + MOST_SECONDS
        self.denied = 0
        """The error of a folder that could not be listed although the user may expect it."""

    def spent_on(self, entries: Iterator[os.DirEntry[str]], ways: Ways) -> list[os.DirEntry[str]]:
        seen = list(islice(entries, self._left + 1))
        self._left -= len(seen)
        self._comparisons -= len(seen) * len(ways)
        if self._left < 0:
            raise FileRefused(f"looks through more than {self._names:,} names; start the pattern in a deeper folder")
        if self._comparisons < 0 or monotonic() > self._end:
            raise FileRefused("takes too long to look through; start the pattern in a deeper folder, with fewer marks")
        with suppress(RuntimeError):  # not in a thread of anyio's
            check_cancelled()
        return seen


def expanded(patterns: Iterable[str], roots: Roots, *, names: int = MAX_NAMES) -> Expanded:
    """The paths that `patterns` match, each once, and in natural order per pattern (shot2 before shot10).

    `*`, `?`, `[..]` and `**` (any folders, or none) are marks; but a name that exists exactly as written is that name.
    Hidden names are found only if the pattern has the dot. A plain path comes back as it is, there or not. It blocks,
    so call it in a thread.
    """
    budget = _Budget(names)
    found: dict[str, _File] = {}
    refused: list[tuple[str, ReadRefused]] = []
    for pattern in dict.fromkeys(patterns):
        try:
            for file in _named_by(pattern, roots, budget):
                found.setdefault(file.place, file)
        except FileRefused as reason:
            refused.append((pattern, refusal(pattern, reason, roots)))
    return Expanded({file.path: file.size for file in found.values()}, tuple(refused))


def sizes_of(paths: Iterable[str], roots: Roots) -> dict[str, int]:
    """The sizes of those files that exist and may be read. It blocks, so call it in a thread."""
    return {path: file.size for path in paths if (file := _literal(path, roots))}


def _named_by(pattern: str, roots: Roots, budget: _Budget) -> Sequence[_File]:
    literal = _literal(pattern, roots)
    if literal or not has_magic(pattern):
        return [literal or _File(pattern, pattern)]
    try:
        whole = Path(absolute(pattern, roots))
    except RuntimeError:  # a user without a home
        raise outside() from None
    folder, way = _divided(whole, roots)
    if not way:
        return [_File(pattern, pattern)]
    start, way = _start(folder, way, roots)
    found = list(islice(_files(start, way, budget), MAX_FILES + 1))
    if not found and budget.denied:
        raise FileRefused(f"matches no file that can be seen: a folder {REASONS[budget.denied]}")
    if not found:
        raise FileRefused("matches no file", "Links and hidden files are only found by their names.", missing=True)
    if len(found) > MAX_FILES:
        raise FileRefused(f"matches more than {MAX_FILES:,} files; use a narrower pattern")
    return sorted(found, key=lambda file: ([_numbered(name) for name in Path(file.path).parts], file.path))


def _literal(path: str, roots: Roots) -> _File | None:
    """The file that exists exactly as written; None if there is none, or it is outside the roots."""
    try:
        place = located_in_roots(path, roots)
        status = _status(place)
    except (FileRefused, OSError):
        return None
    return _File(path, str(place), status.st_size if stat.S_ISREG(status.st_mode) else 0)


# From the text to a folder and what to look for in it


def _divided(whole: Path, roots: Roots) -> tuple[Path, Way]:
    """Where to begin. Marks in the names of roots and of the working directory are literal."""
    known = [root for root in (*roots.directories, working_directory()) if whole.is_relative_to(root)]
    plain = max((len(root.parts) for root in known), default=1)
    while plain < len(whole.parts) and not has_magic(whole.parts[plain]):
        plain += 1
    return Path(*whole.parts[:plain]), _collapsed(whole.parts[plain:])


def _collapsed(way: Way) -> Way:
    """`**/**` means no more than `**`, and each one costs a comparison with every name."""
    return tuple(name for at, name in enumerate(way) if name != EVERY_FOLDER or way[at - 1 : at] != (EVERY_FOLDER,))


def _start(folder: Path, way: Way, roots: Roots) -> tuple[Path, Way]:
    """The folder itself; if it does not exist, one above it, since the names in between may be spelled differently."""
    place = located_in_roots(str(folder), roots)
    while place not in roots.directories and not place.is_dir():
        place, way = place.parent, (escape(place.name), *way)
    return place, way


# From a folder to the files below it


def _files(start: Path, way: Way, budget: _Budget) -> Iterator[_File]:
    """Each folder is listed once, for all the patterns that lead through it."""
    pending = [(start, frozenset({way}))]
    while pending:
        folder, ways = pending.pop()
        try:
            files, onward = _looked_through(folder, ways, budget)
        except OSError as error:  # a folder that may not be listed, or no longer is one, holds nothing
            budget.denied = budget.denied or (error.errno or 0) * isinstance(error, PermissionError)
            continue
        yield from files
        pending += onward


def _looked_through(folder: Path, ways: Ways, budget: _Budget) -> tuple[list[_File], list[tuple[Path, Ways]]]:
    """The files that the ways end at, and the folders that they go on in."""
    with scanned(folder) as entries:
        found = budget.spent_on(entries, ways)
        ways = _opened(ways, {entry.name for entry in found})
        named = ((entry, _named_file(ways, entry.name)) for entry in found if entry.is_file(follow_symlinks=False))
        files = [_file(folder / name, entry) for entry, name in named if name]
        folders = (entry.name for entry in found if entry.is_dir(follow_symlinks=False))
        onward = ((folder / name, _onward(ways, name)) for name in folders)
        return files, [(inner, left) for inner, left in onward if left]


def _file(path: Path, entry: os.DirEntry[str]) -> _File:
    try:
        size = entry.stat(follow_symlinks=False).st_size
    except OSError:  # it was deleted meanwhile; reading it will show that
        size = 0
    return _File(str(path), str(path), size)


def _opened(ways: Ways, names: set[str]) -> Ways:
    """`**` may match no folder at all, and an existing name is literal: `[slug]` is a usual one."""
    found = set(ways)
    for way in ways:
        while way[0] == EVERY_FOLDER and len(way) > 1:
            way = way[1:]  # noqa: PLW2901  # one step further at a time
            found.add(way)
    return frozenset((escape(way[0]), *way[1:]) if way[0] in names else way for way in found)


def _named_file(ways: Ways, name: str) -> str:
    """The file that the ways end at, which may be one that iCloud keeps: reading it says so. Empty: none."""
    last = [way[0] for way in ways if len(way) == 1]
    return next((each for each in (name, kept_by_icloud(name)) if each and any(_fits(mark, each) for mark in last)), "")


def _onward(ways: Ways, name: str) -> Ways:
    fitting = [way for way in ways if _fits(way[0], name)]
    deeper = {way for way in fitting if way[0] == EVERY_FOLDER}
    return frozenset(deeper | {way[1:] for way in fitting if len(way) > 1 and way[0] != EVERY_FOLDER})


def _fits(mark: str, name: str) -> bool:
    return fnmatchcase(_spelled(name), _spelled(mark)) and (mark.startswith(".") or not name.startswith("."))


@lru_cache(maxsize=4096)
def _spelled(name: str) -> str:
    """Cameras write `.PNG` when people ask for `*.png`; and a pattern also finds names that only look alike."""
    plain = normcase(name) if name.isascii() else by_spelling(normcase(name))
    stem, dot, ending = plain.rpartition(".")
    return f"{stem}.{ending.lower()}" if dot else plain


def _numbered(name: str) -> list[int | str]:
    """Text and numbers in turn, so that like is compared with like."""
    words = re.split(r"([0-9]+)", name.casefold())
    return [int(word) if at % 2 else word for at, word in enumerate(words)]


def _status(path: Path) -> os.stat_result:
    if not CAN_WALK:
        return os.lstat(on_disk(path))
    with open_folder(path.parent) as folder:
        return os.stat(path.name or ".", dir_fd=folder, follow_symlinks=False)
