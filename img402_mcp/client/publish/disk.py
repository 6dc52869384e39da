"""The files of a document's images, and the other places in the document that name an existing image."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path

from img402_mcp.client.files.documents import Document
from img402_mcp.client.files.listing import files_below
from img402_mcp.client.files.roots import Roots
from img402_mcp.client.files.safe_glob import sizes_of
from img402_mcp.client.publish.mentions import MAX_LISTED, Mentions, mentions
from img402_mcp.client.publish.references import LeftAlone, Reference, References, Span
from img402_mcp.client.publish.urls import Reading, cleaned, is_image_name, readings
from img402_mcp.errors import ReadRefused, quoted

LINKED = "a link points to it, and links are not rewritten"
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
    left_alone: tuple[LeftAlone, ...]
    names_others: bool


def images_of(document: Document, found: References, roots: Roots) -> Found:
    """Raises ReadRefused if there are too many. Blocks."""
    folder = _Folder(document.path.parent, roots)
    _demand_few({folder.path(next(readings(each.url)).path) for each in found.references}, document)
    images: dict[str, ImageFile] = {}
    for reference in found.references:
        path, reading = folder.file(reference)
        image = images.setdefault(path, ImageFile(reference.target))
        image.note = image.note or reading.note or _by_base(reference, reading)
        image.references[reference] = reading.drops_fragment
    left = (*found.left_alone, *_linked(found, folder))
    others = _mentioned(document.text, found.seen, left, folder)
    return Found(images, (*left, *(each.left_alone for each in others.found)), others.names_any)


def _demand_few(paths: set[str], document: Document) -> None:
    if len(paths) > MAX_IMAGES:
        raise ReadRefused(
            f"{quoted(str(document.path))} shows {len(paths):,} different local images, and at most {MAX_IMAGES} are "
            "published at once; split it. Nothing was sent."
        )


def _by_base(reference: Reference, reading: Reading) -> str:
    """A note, if the base makes it another file than the URL alone."""
    return f"found as {quoted(reading.path)}" if reference.by_base else ""


def _linked(found: References, folder: "_Folder") -> Iterator[LeftAlone]:
    """Linked images that exist: a full-size image that a thumbnail links to is not published with the document."""
    return (LeftAlone(url, LINKED) for url in islice(found.linked, MAX_LISTED) if folder.has(url))


def _mentioned(text: str, seen: Iterable[Span], left: Iterable[LeftAlone], folder: "_Folder") -> Mentions:
    """Without those that are already listed with a reason."""
    reported = {folder.path(next(readings(cleaned(each.target))).path) for each in left}
    others = mentions(text, seen, folder.images, folder.has)
    unreported = (each for each in others.found if folder.path(each.path) not in reported)
    return Mentions(tuple(unreported), others.names_any)


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
        return any(sizes_of(self._tried(path), self._roots).values())

    def _tried(self, written: str) -> Iterable[str]:
        paths = dict.fromkeys(reading.path for reading in readings(written))
        yield from map(self.path, paths)
        above = [each for each in (self._folder, *self._folder.parents) if self._roots.contain(each)]
        yield from (str(folder / path.lstrip("/")) for path in paths if path.startswith("/") for folder in above)
