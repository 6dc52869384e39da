"""Local images that a document names in another way: in front matter, shortcodes, JSX, scripts, metadata.

A plain search for the names of the images in the document's folder and below it, and for paths of existing images.
What it finds is listed, never rewritten.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from html import escape
from itertools import islice
from posixpath import normpath
from urllib.parse import quote

from img402_mcp.client.publish.dialects import Understood
from img402_mcp.client.publish.references import LeftAlone, Span
from img402_mcp.client.publish.urls import IMAGE_ENDINGS, is_image_name
from img402_mcp.errors import quoted

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


@dataclass(frozen=True)
class Mention:
    path: str
    """The image's path."""
    line: int
    words: str
    """The part of the line to show."""

    @property
    def left_alone(self) -> LeftAlone:
        return LeftAlone(
            self.path, f"named on line {self.line}, in a form that is not rewritten: {quoted(self.words, 80)}"
        )


@dataclass(frozen=True)
class Mentions:
    found: tuple[Mention, ...] = ()
    names_any: bool = False
    """Whether anything looks like the name of a local image, existing or not."""


def mentions(text: str, seen: Iterable[Span], images: Iterable[str], exists: Exists) -> Mentions:
    """`images` are the paths of those in the document's folder and below it. Each is listed once."""
    names = _Names(images)
    found: dict[str, Mention] = {}
    ends = [*_ends(text, Understood(seen, ()))]
    tokens = dict.fromkeys(_token(text, end) for end in ends)
    there = {token for token in islice(tokens, MAX_TRIED) if exists(token)}
    for end in ends:
        token = _token(text, end)
        written = normpath(token) if token in there else ""
        path = (written if "/" in written else "") or names.path(text, end) or written
        if path and path not in found and len(found) < MAX_LISTED:
            found[path] = _mention(text, path, end)
    return Mentions(tuple(found.values()), bool(ends))


def _ends(text: str, seen: Understood) -> Iterator[int]:
    """Where each text ends that looks like the name of a local image."""
    for match in islice(_NAME.finditer(text), MAX_LOOKED_AT):
        if not seen.overlaps(*match.span()) and not _REMOTE.match(_token(text, match.end())):
            yield match.end()


def _token(text: str, end: int) -> str:
    """The word that ends here."""
    return _DELIMITER.split(text[max(0, end - _LONGEST) : end])[-1]


def _mention(text: str, path: str, end: int) -> Mention:
    start = max(text.rfind("\n", 0, end), text.rfind("\r", 0, end)) + 1
    words = text[max(start, end - 60) : end + 20].splitlines()[0].strip()
    return Mention(path, text.count("\n", 0, end) + 1, words)


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
