"""The images of a Markdown document: CommonMark with GitHub's tables and footnotes, and `dialects`.

pulldown-cmark decides what an image is and which bytes it spans; `destinations` finds where its destination is
written. All HTML in the document is read as one text, with a mark for each Markdown image. This shows which images an
HTML comment hides, even where Markdown does not recognize the comment.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

import pyromark

from img402_mcp.client.publish import dialects
from img402_mcp.client.publish.destinations import OPTIONS, MarkdownImage, image_in, place_of_byte, references
from img402_mcp.client.publish.html import hidden_in, in_markup
from img402_mcp.client.publish.prepared import prepared, unmasked, unread
from img402_mcp.client.publish.references import LeftAlone, Reference, References, Span
from img402_mcp.client.publish.tags import Markup, Tag, read

IN_COMMENT = 'it is in a comment, or in an HTML tag without its ">"'
_MARK = '<img src="#">'
_BLOCKS = frozenset({"BlockQuote", "CodeBlock", "Heading", "Item", "List", "Paragraph", "Table"})


@dataclass(frozen=True, slots=True)
class _Piece:
    """A piece of HTML. `at` orders the pieces; `place` is where the text is in the document, if that is known."""

    at: int
    text: str
    place: int | None = None
    block: int = 0
    """The number of its HTML block; 0 outside of blocks."""
    mark: MarkdownImage | Reference | None = None
    """The Markdown image that it represents."""


class _Whole:
    """The document's HTML as one text."""

    def __init__(self, pieces: Iterable[_Piece]) -> None:
        self._pieces = sorted(pieces, key=lambda piece: piece.at)
        self._starts = [0, *accumulate(len(piece.text) for piece in self._pieces)]
        self._block_ends = {
            piece.block: end for piece, end in zip(self._pieces, self._starts[1:], strict=True) if piece.block
        }
        self.text = "".join(piece.text for piece in self._pieces)

    def place(self, at: int) -> int | None:
        """Where this character is in the document; None if that is not known."""
        index = bisect_right(self._starts, at) - 1
        place = self._pieces[index].place
        return None if place is None else place + at - self._starts[index]

    def block_end(self, at: int) -> int:
        """The end of the HTML block that holds the previous character; outside of blocks, `at` itself."""
        return self._block_ends.get(self.piece(at - 1).block, at)

    def piece(self, at: int) -> _Piece:
        return self._pieces[bisect_right(self._starts, at) - 1]

    def marks(self) -> list[MarkdownImage | Reference]:
        return [piece.mark for piece in self._pieces if piece.mark]


def found(text: str) -> References:
    readable = prepared(text)
    found = _found(readable)
    if readable == text:
        return found
    shown = [
        replace(each, target=unmasked(each.target), url=unmasked(each.url), written=unmasked(each.written))
        for each in found.references
    ]
    left = [replace(each, target=unmasked(each.target)) for each in found.left_alone]
    return replace(found, references=shown, left_alone=left, linked=[*map(unmasked, found.linked)])


def _found(text: str) -> References:
    reading = _read(text)
    understood = dialects.Understood(reading.understood, reading.link_starts)
    loose = dialects.found(text, understood)
    whole = _Whole((*reading.pieces, *(_Piece(each.start, _MARK, mark=each) for each in loose.references)))
    comments = dialects.Understood(dialects.comments(text, understood), ())
    sight = _seen(read(whole.text, whole.block_end), whole, comments)
    found = in_markup(sight.markup, whole.text, whole.place)
    in_text = references(text, [each for each in sight.shown if isinstance(each, MarkdownImage)])
    found.references += [*in_text.references, *(each for each in sight.shown if isinstance(each, Reference))]
    found.left_alone += [*in_text.left_alone, *loose.left_alone, *sight.hidden, *unread(text, reading.blocks)]
    found.seen += [*in_text.seen, *loose.seen, *reading.seen]
    found.linked += reading.linked
    return found


# Which images are shown


@dataclass(frozen=True)
class _Sight:
    shown: list[MarkdownImage | Reference]
    hidden: list[LeftAlone]
    markup: Markup
    """Without the marks, and without what a comment of a dialect hides."""


def _seen(markup: Markup, whole: _Whole, comments: dialects.Understood) -> _Sight:
    left = {mark.start: mark for mark in whole.marks()}
    sight = _Sight([], [], markup)
    tags: list[Tag] = []
    for tag in markup.tags:
        piece = whole.piece(tag.start)
        is_commented = comments.overlaps(piece.at, piece.at + 1)
        if not piece.mark:
            tags += [] if is_commented else [tag]
        elif not is_commented:
            image = left.pop(piece.mark.start)
            if element := markup.hidden.element(tag.start):
                sight.hidden.append(LeftAlone(image.target, hidden_in(element)))
            else:
                sight.shown.append(image)
    sight.hidden.extend(LeftAlone(image.target, IN_COMMENT) for image in left.values())
    styles = (span for span in markup.styles if not comments.overlaps(at := whole.piece(span[0]).at, at + 1))
    return replace(sight, markup=replace(markup, tags=tuple(tags), styles=tuple(styles)))


# What the parser reports


class _Reading:
    """Collects what the parser's events say."""

    def __init__(self, text: str) -> None:
        self.pieces: list[_Piece] = []
        self.understood: list[Span] = []
        """Code, HTML, images."""
        self.blocks: list[Span] = []
        """HTML blocks."""
        self.seen: list[Span] = []
        """Links and inline code."""
        self.link_starts: list[int] = []
        self.linked: list[str] = []
        self._text = text
        self._open: list[MarkdownImage] = []
        self._is_behind_html = False

    def take(self, event: Any, start: int, end: int) -> None:  # noqa: ANN401  # has one of thirty shapes; see pyromark.event
        if event == {"End": "Image"}:
            self._open.pop()
        if self._open:  # an image in another image's alt text is text
            self._open[0].alt_end = max(self._open[0].alt_end, end)
        elif isinstance(event, dict):
            ((kind, data),) = event.items()
            self._take(kind, data, start, end)
        if image := image_in(event, start, end):
            self._begin(image)

    def _take(self, kind: str, data: Any, start: int, end: int) -> None:  # noqa: ANN401  # the same
        name = data if isinstance(data, str) else next(iter(data), "") if isinstance(data, dict) else ""
        if kind in {"Html", "InlineHtml"}:
            block = len(self.blocks) if kind == "Html" else 0
            self.pieces += _pieces(str(data), self._text, start, end, block)
            self.understood.append((start, end))
        elif kind == "Code":
            self.understood.append((start, end))
            self.seen += [] if self._text.endswith("{", 0, start) else [(start, end)]  # JSX: src={`shot.png`}
        elif kind == "Start":
            self._start(name, data, start, end)

    def _start(self, name: str, data: Any, start: int, end: int) -> None:  # noqa: ANN401  # the same
        if name == "HtmlBlock":
            self.blocks.append((start, end))
        elif name in _BLOCKS and self._is_behind_html:
            self.pieces.append(_Piece(start, "<p>"))  # it ends a tag that is still open there
        if name == "CodeBlock":
            self.understood.append((start, end))
        elif name == "Link":
            self.link_starts.append(start)
            self.seen.append((start, end))
            self.linked.append(data["Link"]["dest_url"])
        self._is_behind_html = name == "HtmlBlock"

    def _begin(self, image: MarkdownImage) -> None:
        if not self._open:
            self.pieces.append(_Piece(image.start, _MARK, mark=image))
            self.understood.append((image.start, image.end))
        self._open.append(image)


def _read(text: str) -> _Reading:
    place, reading = place_of_byte(text), _Reading(text)
    for event, span in pyromark.events_with_range(text, options=OPTIONS):
        reading.take(event, place(span["start"]), place(span["end"]))
    return reading


def _pieces(raw: str, text: str, start: int, end: int, block: int) -> Iterator[_Piece]:
    """One for each line. The parser drops the `>` of a block quote and the indentation before it."""
    lines, sources = raw.splitlines(keepends=True), text[start:end].splitlines(keepends=True)
    if len(lines) != len(sources):
        yield _Piece(start, raw, None, block)
        return
    for line, source in zip(lines, sources, strict=True):
        at = source.rfind(line.rstrip("\r\n"))
        yield _Piece(start, line, start + at if at >= 0 else None, block)
        start += len(source)
