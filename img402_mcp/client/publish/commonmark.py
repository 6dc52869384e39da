"""The images of a Markdown document: CommonMark with GitHub's tables and footnotes.

pulldown-cmark decides what an image is and tells the bytes that it spans. Within these, the destination's place is
found by CommonMark's grammar (6.3) and read by the same parser once more: where the two differ, the reference is left
alone.

The document's HTML, in all its pieces, is read as one text by an HTML parser, with a mark for each Markdown image. So
an image that a comment hides, or a textarea, counts as little as it would be seen, even where Markdown sees none of it.
"""

import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import accumulate, chain
from typing import Any

import pyromark
from pyromark import Options

from img402_mcp.client.publish.html import NOT_PLACED, attributes, in_attributes
from img402_mcp.client.publish.references import LeftAlone, Reference, References, Writing

OPTIONS = (
    Options.ENABLE_GFM
    | Options.ENABLE_TABLES
    | Options.ENABLE_FOOTNOTES
    | Options.ENABLE_STRIKETHROUGH
    | Options.ENABLE_TASKLISTS
    | Options.ENABLE_YAML_STYLE_METADATA_BLOCKS
)
HIDDEN = "it stands in an HTML comment, or in an element whose content is no markup"
_MARK = '<img src="#">'


@dataclass
class _Image:
    """One that the parser saw; `alt_end` is where the destination may be looked for."""

    start: int
    end: int
    target: str
    label: str
    is_inline: bool
    alt_end: int


@dataclass
class _Html:
    """The document's HTML as one text: pieces of it, and where each of them stands in the document."""

    pieces: list[str] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    places: list[int | None] = field(default_factory=list)
    length: int = 0

    def add(self, piece: str, place: int | None) -> None:
        self.pieces.append(piece)
        self.starts.append(self.length)
        self.places.append(place)
        self.length += len(piece)

    def place(self, at: int) -> int | None:
        piece = bisect_right(self.starts, at) - 1
        start = self.places[piece] if piece >= 0 else None
        return None if start is None else start + at - self.starts[piece]


def found(text: str) -> References:
    bom = len(text) - len(text.removeprefix("\ufeff"))  # the parser takes it for text, and a heading for a paragraph
    plain = text[bom:]
    reading = _read(plain)
    images, html = reading.images, reading.html
    whole = "".join(html.pieces)
    named = list(attributes(whole, fragment=True))
    in_markup = in_attributes((one for one in named if one.tag_start not in images), whole, html.place)
    live = [images.pop(one.tag_start) for one in named if one.tag_start in images]
    hidden = (LeftAlone(image.target, HIDDEN) for image in images.values())
    in_text = _references(plain, live)
    shown = [_moved(each, bom) for each in chain(in_markup.references, in_text.references)]
    return References(tuple(shown), (*in_markup.left_alone, *in_text.left_alone, *hidden))


def _moved(reference: Reference, by: int) -> Reference:
    return Reference(reference.start + by, reference.end + by, reference.target, reference.writing)


# What the parser saw


class _Reading:
    """The document's events one after another: the images by where their marks stand in the HTML, and that HTML."""

    def __init__(self, text: str) -> None:
        self.images: dict[int, _Image] = {}
        self.html = _Html()
        self._text = text
        self._open: list[_Image] = []

    def take(self, event: Any, start: int, end: int) -> None:  # noqa: ANN401  # one of thirty; see pyromark.event
        if event == {"End": "Image"}:
            self._open.pop()
        if self._open:  # an image within another's alt text is alt text
            self._open[0].alt_end = max(self._open[0].alt_end, end)
        elif raw := _raw_html(event):
            _add_lines(self.html, raw, self._text, start, end)
        if data := _image_data(event):
            self._begin(_image(data, start, end))

    def _begin(self, image: _Image) -> None:
        if not self._open:
            self.images[self.html.length] = image
            self.html.add(_MARK, None)
        self._open.append(image)


def _read(text: str) -> _Reading:
    place, reading = _place_of_byte(text), _Reading(text)
    for event, span in pyromark.events_with_range(text, options=OPTIONS):
        reading.take(event, place(span["start"]), place(span["end"]))
    return reading


def _image_data(event: Any) -> Any:  # noqa: ANN401  # one of thirty shapes; see pyromark.event
    start = event.get("Start") if isinstance(event, dict) else None
    return start.get("Image") if isinstance(start, dict) else None


def _raw_html(event: Any) -> str:  # noqa: ANN401  # the same
    raw = (event.get("Html") or event.get("InlineHtml")) if isinstance(event, dict) else None
    return str(raw or "")


def _image(data: Any, start: int, end: int) -> _Image:  # noqa: ANN401  # the same
    return _Image(start, end, data["dest_url"], _folded(data["id"]), data["link_type"] == "Inline", start + 2)


def _folded(label: str) -> str:
    """Labels that match are the same (CommonMark 0.31, 6.3)."""
    return " ".join(label.casefold().split())


def _add_lines(html: _Html, raw: str, text: str, start: int, end: int) -> None:
    """A line of raw HTML is the end of its source line: a block quote's `>` or an indentation is left off before it."""
    lines, sources = raw.splitlines(keepends=True), text[start:end].splitlines(keepends=True)
    if len(lines) != len(sources):
        html.add(raw, None)
        return
    for line, source in zip(lines, sources, strict=True):
        at = source.rfind(line.rstrip("\r\n"))
        html.add(line, start + at if at >= 0 else None)
        start += len(source)


def _place_of_byte(text: str) -> Callable[[int], int]:
    """The parser counts bytes, we count characters."""
    if text.isascii():
        return int
    starts = array("L", accumulate((len(mark.encode()) for mark in text), initial=0))
    return partial(bisect_left, starts)


# Where a destination stands


def _references(text: str, images: list[_Image]) -> References:
    shown = {image.start: _inline(text, image) for image in images if image.is_inline}
    left = [LeftAlone(image.target, NOT_PLACED) for image in images if image.is_inline and not shown[image.start]]
    labels = {image.label for image in images if not image.is_inline}
    defined = _defined(text, labels) if labels else References((), ())
    return References((*filter(None, shown.values()), *defined.references), (*left, *defined.left_alone))


def _inline(text: str, image: _Image) -> Reference | None:
    at = text.find("](", image.alt_end, image.end)
    return _destination(text, at + 2, image.end, image.target) if at >= 0 else None


_LABEL = re.compile(r"\[(?:[^\[\]\\]|\\.)*\]:", re.DOTALL)


def _defined(text: str, labels: set[str]) -> References:
    """A definition's destination, once for all who name its label; a link of that label goes along."""
    place = _place_of_byte(text)
    shown: list[Reference] = []
    left: list[LeftAlone] = []
    for label, definition in pyromark.reference_definitions(text, options=OPTIONS).items():
        if _folded(label) in labels:
            start, end = (place(definition["span"][edge]) for edge in ("start", "end"))
            name = _LABEL.match(text, start, end)
            reference = _destination(text, name.end(), end, definition["dest"]) if name else None
            shown.extend((reference,) if reference else ())
            left.extend(() if reference else (LeftAlone(definition["dest"], NOT_PLACED),))
    return References(tuple(shown), tuple(left))


# Spaces, and one line's end with whatever marks the block quotes that go on behind it.
_GAP = re.compile(r"[ \t]*(?:(?:\r\n?|\n)[ \t>]*)?")
_BRACKETED = re.compile(r"<(?:[^<>\\\r\n]|\\.)*>")
_BARE = re.compile(r"\\[!-/:-@\[-`{-~]|[^\x00-\x20\x7f]")


def _destination(text: str, at: int, end: int, target: str) -> Reference | None:
    """The destination that follows, if it means `target`."""
    gap = _GAP.match(text, at, end)
    start = gap.end() if gap else at
    bracketed = _BRACKETED.match(text, start, end)
    stop = bracketed.end() if bracketed else _bare_end(text, start, end)
    if stop == start or _meaning(text[start:stop]) != target:
        return None
    return Reference(start, stop, target, Writing.DESTINATION)


def _bare_end(text: str, at: int, end: int) -> int:
    """Up to a space, a control character, or a parenthesis that closes what was not opened."""
    depth = 0
    while one := _BARE.match(text, at, end):
        depth += (one[0] == "(") - (one[0] == ")")
        if depth < 0:
            break
        at = one.end()
    return at


def _meaning(raw: str) -> str | None:
    """What the parser takes this destination for."""
    return next(_targets(f"![]({raw})"), None)


def _targets(text: str) -> Iterator[str]:
    return (data["dest_url"] for event in pyromark.events(text) if (data := _image_data(event)))
