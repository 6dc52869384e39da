"""The files of a document's images, and the other places in the document that name an existing image."""

import os
import re
import unicodedata
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from itertools import islice
from pathlib import Path
from posixpath import normpath
from urllib.parse import quote

from img402_mcp.client.files.documents import Document
from img402_mcp.client.files.roots import Roots
from img402_mcp.client.files.safe_glob import sizes_of
from img402_mcp.client.files.safe_open import scanned
from img402_mcp.client.publish.dialects import Understood
from img402_mcp.client.publish.references import LeftAlone, Reference, References, Span
from img402_mcp.client.publish.urls import IMAGE_ENDINGS, Reading, cleaned, is_image_name, readings
from img402_mcp.errors import ReadRefused, quoted

LINKED = "a link points to it, and links are not rewritten"
"""A full-size image that a thumbnail links to is not published with the document."""
MAX_NAMES = 20_000  # files looked at: less than half a second, and more than a document's folder holds
MAX_IMAGES = 200  # of one document; a free API takes some hundred uploads a day


@dataclass
class ImageFile:
    """One file, with all references to it."""

    target: str
    note: str = ""
    references: dict[Reference, bool] = field(default_factory=dict)
    """The value says whether the fragment is not part of the file name."""


@dataclass(frozen=True)
class Found:
    images: Mapping[str, ImageFile]
    """Path of the file -> image."""
    left_alone: list[LeftAlone]
    names_others: bool
    """Whether the document has other names that look like local images."""


def images_of(document: Document, found: References, roots: Roots) -> Found:
    """Raises ReadRefused if there are too many. Blocks."""
    folder = _Folder(document.path.parent, roots)
    _demand_few({folder.path(next(readings(each.url)).path) for each in found.references}, document)
    images: dict[str, ImageFile] = {}
    for reference in found.references:
        path, reading = folder.file(reference)
        image = images.setdefault(path, ImageFile(reference.target))
        image.note = image.note or reading.note or (f"found as {quoted(reading.path)}" if reference.by_base else "")
        image.references[reference] = reading.drops_fragment
    linked = (LeftAlone(url, LINKED) for url in islice(found.linked, MAX_LISTED) if folder.has(url))
    left = [*found.left_alone, *linked]
    reported = {folder.path(next(readings(cleaned(each.target))).path) for each in left}
    others, names_others = mentions(document.text, found.seen, folder.images, folder.has)
    unreported = (each for each in others if folder.path(each.target) not in reported)
    return Found(images, [*left, *unreported], names_others)


def _demand_few(paths: set[str], document: Document) -> None:
    if len(paths) > MAX_IMAGES:
        raise ReadRefused(
            f"{quoted(str(document.path))} shows {len(paths):,} different local images, and at most {MAX_IMAGES} are "
            "published at once; split it. Nothing was sent."
        )


class _Folder:
    """The document's folder, where its relative paths start."""

    def __init__(self, folder: Path, roots: Roots) -> None:
        self._folder, self._roots = folder, roots

    @cached_property
    def images(self) -> tuple[str, ...]:
        """Those in the folder and below it."""
        return tuple(filter(is_image_name, files_below(self._folder)))

    def path(self, path: str) -> str:
        """The same text for the same file, so that it is sent once. A URL with a host stays, and is refused later."""
        return path if path.lower().startswith("file:") else os.path.normpath(self._folder / path)

    def file(self, reference: Reference) -> tuple[str, Reading]:
        """The file that a browser would use or, if it does not exist, the only one of the other readings."""
        written = "" if reference.by_base else reference.written
        distinct = {self.path(reading.path): reading for reading in reversed([*readings(reference.url, written)])}
        first = next(readings(reference.url))
        place = self.path(first.path)
        if len(distinct) > 1 or reference.before:
            there = sizes_of(distinct, self._roots)
            if place not in there and len(there) == 1:
                return (path := next(iter(there))), distinct[path]
            if not there and len(others := self._linked(reference)) == 1:
                return self.path(others[0]), Reading(others[0], f"found as {quoted(others[0])}")
        return place, first

    def _linked(self, reference: Reference) -> list[str]:
        """A wikilink names a file in any folder."""
        end = f"/{next(readings(reference.url)).path}"
        return [path for path in self.images if reference.before and f"/{path}".endswith(end)]

    def has(self, path: str) -> bool:
        """Whether the path leads to a file from here or, if it starts with "/", from a parent folder."""
        paths = dict.fromkeys(reading.path for reading in readings(path))
        above = [each for each in (self._folder, *self._folder.parents) if self._roots.contain(each)]
        rooted = (str(folder / path.lstrip("/")) for path in paths if path.startswith("/") for folder in above)
        return any(sizes_of((*map(self.path, paths), *rooted), self._roots).values())


def files_below(folder: Path, most: int = MAX_NAMES) -> Iterator[str]:
    """Paths that start at `folder`, with "/" between names, the nearest first. Hidden folders are left out."""
    pending = deque([""])
    while pending and most > 0:
        prefix = pending.popleft()
        with suppress(OSError), scanned(folder / prefix) as entries:
            for entry in entries:
                most -= 1
                if entry.is_dir(follow_symlinks=False):
                    is_skipped = entry.name.startswith(".") or entry.name == "node_modules"
                    pending += [] if is_skipped else [f"{prefix}{entry.name}/"]
                elif entry.is_file(follow_symlinks=False):
                    yield f"{prefix}{entry.name}"
                if most <= 0:
                    break


# Images that the document names in another way: in front matter, shortcodes, JSX, scripts, metadata. A plain search
# for the names of the images in its folder and below it, and for paths of existing images. They are never rewritten.


MAX_LISTED = 30
MAX_LOOKED_AT = 20_000  # names in one text; a page has a few dozen
MAX_TRIED = 500  # paths checked on disk
_LONGEST = 300  # characters of a path
_NAME = re.compile(rf"\.(?:{'|'.join(sorted(IMAGE_ENDINGS))})(?!-?\w)", re.IGNORECASE)
_DELIMITER = re.compile(r"[\s\"'`()<>\[\]{}|,;=]")
_PART_OF_NAME = re.compile(r"(?<!<!-)[\w.-]\Z")
_ENCODED = re.compile(r"(?<!%)%[0-9a-f]{2}", re.IGNORECASE)
_REMOTE = re.compile(r"(?!file:)[a-z][a-z0-9+.-]+://|//|www\.|(?:blob|cid|data|mailto):", re.IGNORECASE)

Exists = Callable[[str], bool]
"""Whether a path leads to a file, as it is written."""


def mentions(text: str, seen: Iterable[Span], images: Iterable[str], exists: Exists) -> tuple[list[LeftAlone], bool]:
    """Each image once, of `images` or of an existing path; and whether anything looks like a local image's name."""
    names = _Names(images)
    found: dict[str, LeftAlone] = {}
    ends = [*_ends(text, Understood(seen, ()))]
    tokens = dict.fromkeys(_token(text, end) for end in ends)
    there = {token for token in islice(tokens, MAX_TRIED) if exists(token)}
    for end in ends:
        token = _token(text, end)
        written = normpath(token) if token in there else ""
        path = (written if "/" in written else "") or names.path(text, end) or written
        if path and path not in found and len(found) < MAX_LISTED:
            found[path] = _mention(text, path, end)
    return [*found.values()], bool(ends)


def _ends(text: str, seen: Understood) -> Iterator[int]:
    """Where each text ends that looks like the name of a local image."""
    for match in islice(_NAME.finditer(text), MAX_LOOKED_AT):
        if not seen.overlaps(*match.span()) and not _REMOTE.match(_token(text, match.end())):
            yield match.end()


def _token(text: str, end: int) -> str:
    """The word that ends here."""
    return _DELIMITER.split(text[max(0, end - _LONGEST) : end])[-1]


def _mention(text: str, path: str, end: int) -> LeftAlone:
    start = max(text.rfind("\n", 0, end), text.rfind("\r", 0, end)) + 1
    words = text[max(start, end - 60) : end + 20].splitlines()[0].strip()
    line = text.count("\n", 0, end) + 1
    return LeftAlone(path, f"named on line {line}, in a form that is not rewritten: {quoted(words, 80)}")


class _Names:
    """The images by name, in each way that the name may be written."""

    def __init__(self, images: Iterable[str]) -> None:
        self._paths: dict[str, list[str]] = {}
        for path in filter(is_image_name, images):
            for name in _writings(path.rpartition("/")[2]):
                self._paths.setdefault(name, []).append(path)
        self._lengths = sorted({len(name) for name in self._paths}, reverse=True)

    def path(self, text: str, end: int) -> str:
        """The path of the image whose name ends here; of several, the one whose path is written, or the nearest."""
        for length in self._lengths:
            start = end - length
            if start >= 0 and text[start:end] in self._paths and not _goes_on(text, start):
                paths = self._paths[text[start:end]]
                return max(paths, key=lambda path: len(path) if _is_written(path, text, end) else 0)
        return ""


def _writings(name: str) -> set[str]:
    forms = {unicodedata.normalize(form, name) for form in ("NFC", "NFD")} | {name}
    return forms | {quote(each) for each in forms} | {escape(each) for each in forms}


def _goes_on(text: str, start: int) -> bool:
    """Whether the name starts earlier: "banana.png" does not name "a.png"."""
    before = text[max(start - 4, 0) : start]
    return bool(_PART_OF_NAME.search(before) or (before and _ENCODED.match(text, start - 1)))


def _is_written(path: str, text: str, end: int) -> bool:
    return text[max(0, end - len(path)) : end].replace("\\", "/") == path
