"""Where the destination of a Markdown image is written, by CommonMark's grammar (6.3).

The parser reads what is found there once more. If the result differs from what it reported for the document, the
reference is left alone.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from html import unescape
from itertools import accumulate
from typing import Any

import pyromark
from pyromark import Options

from img402_mcp.client.publish.html import NOT_PLACED
from img402_mcp.client.publish.prepared import folded
from img402_mcp.client.publish.references import LeftAlone, Reference, References, Writing

OPTIONS = (
    Options.ENABLE_GFM
    | Options.ENABLE_TABLES
    | Options.ENABLE_FOOTNOTES
    | Options.ENABLE_STRIKETHROUGH
    | Options.ENABLE_TASKLISTS
)
PlaceOfByte = Callable[[int], int]


@dataclass
class MarkdownImage:
    """An image that the parser reported. Its destination is after `alt_end`."""

    start: int
    end: int
    target: str
    label: str
    is_inline: bool
    alt_end: int


def image_in(event: Any, start: int, end: int) -> MarkdownImage | None:  # noqa: ANN401  # has one of thirty shapes; see pyromark.event
    data = _image_data(event)
    if not data:
        return None
    return MarkdownImage(start, end, data["dest_url"], folded(data["id"]), data["link_type"] == "Inline", start + 2)


def _image_data(event: Any) -> Any:  # noqa: ANN401  # the same
    start = event.get("Start") if isinstance(event, dict) else None
    return start.get("Image") if isinstance(start, dict) else None


# The parser counts bytes, we count characters


_STEP = 4096
_CONTINUATION = bytes(range(0x80, 0xC0))


def place_of_byte(text: str) -> PlaceOfByte:
    """A function from a place in the text's UTF-8 to the place of the same character."""
    if text.isascii():
        return int
    data = text.encode()
    steps = (data[at : at + _STEP].translate(None, _CONTINUATION) for at in range(0, len(data), _STEP))
    characters = [*accumulate(map(len, steps), initial=0)]

    def place(byte: int) -> int:
        step = byte // _STEP
        return characters[step] + len(data[step * _STEP : byte].translate(None, _CONTINUATION))

    return place


def references(text: str, images: list[MarkdownImage]) -> References:
    found, first = References(), dict[str, int]()
    for image in images:
        found.seen.append((image.start, image.end))
        if image.is_inline:
            at = text.find("](", image.alt_end, image.end)
            reference = _destination(text, at + 2, image.end, image.target) if at >= 0 else None
            _take(found, reference, image.target)
        else:
            first.setdefault(image.label, image.start)
    if first:
        _take_defined(found, text, first)
    return found


def _take(found: References, reference: Reference | None, target: str) -> None:
    if reference:
        found.references.append(reference)
    else:
        found.left_alone.append(LeftAlone(target, NOT_PLACED))


_LABEL = re.compile(r"\[(?:[^\[\]\\]|\\.)*\]:", re.DOTALL)


def _take_defined(found: References, text: str, first: dict[str, int]) -> None:
    """Once for all images and links of a label. `first` maps a label to the place of its first image."""
    place = place_of_byte(text)
    for label, definition in pyromark.reference_definitions(text, options=OPTIONS).items():
        if folded(label) in first:
            start, end = (place(definition["span"][edge]) for edge in ("start", "end"))
            name = _LABEL.match(text, start, end)
            reference = _destination(text, name.end(), end, definition["dest"]) if name else None
            shown = reference and replace(reference, shown_at=first[folded(label)])
            _take(found, shown, definition["dest"])
            found.seen.append((start, end))


# Spaces, and one line end with the marks of the block quotes that continue after it.
_GAP = re.compile(r"[ \t]*(?:(?:\r\n?|\n)[ \t>]*)?")
_BRACKETED = re.compile(r"<(?:[^<>\\\r\n]|\\.)*>")
_BARE = re.compile(r"\\[!-/:-@\[-`{-~]|[^\x00-\x20\x7f()\\]++|[()\\]")


def _destination(text: str, at: int, end: int, target: str) -> Reference | None:
    """The destination at `at`, if it means `target`."""
    gap = _GAP.match(text, at, end)
    start = gap.end() if gap else at
    bracketed = _BRACKETED.match(text, start, end)
    stop = bracketed.end() if bracketed else _bare_end(text, start, end)
    raw = text[start:stop]
    meant = (data["dest_url"] for event in pyromark.events(f"![]({raw})") if (data := _image_data(event)))
    if stop == start or next(meant, None) != target:
        return None
    written = unescape(raw.strip("<>")) if "\\" in raw else ""
    return Reference(start, stop, target, Writing.DESTINATION, target, written)


def _bare_end(text: str, at: int, end: int) -> int:
    """Up to a space, a control character, or an unmatched closing parenthesis."""
    depth = 0
    while one := _BARE.match(text, at, end):
        depth += (one[0] == "(") - (one[0] == ")")
        if depth < 0:
            break
        at = one.end()
    return at
