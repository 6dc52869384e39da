"""The images of an HTML document, found by a parser that reads as browsers do.

It knows which markup is live: what stands in a comment, a script or a textarea is no image. It tells where each tag
begins; the attributes are read again from there, since their places are asked.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from html import unescape

from justhtml import JustHTML

from img402_mcp.client.publish.references import LeftAlone, Reference, References, Writing

_SHOWN = {("img", "src"), ("img", "srcset"), ("source", "srcset")}
_OTHERS = {("video", "poster"), ("input", "src"), ("image", "href"), ("image", "xlink:href"), ("object", "data")}
_TAGS = ", ".join(sorted({tag for tag, _ in _SHOWN | _OTHERS}))
NOT_PLACED = "its place in the text could not be told"


@dataclass(frozen=True)
class Attribute:
    """`start` and `end` enclose the value as it is written, without quotes; `value` is what it means."""

    tag: str
    name: str
    value: str
    start: int
    end: int
    tag_start: int


def found(text: str) -> References:
    bom = len(text) - len(text.removeprefix("\ufeff"))  # not counted by the parser
    return in_attributes(attributes(text[bom:]), text[bom:], lambda at: at + bom)


def in_attributes(attributes: Iterable[Attribute], html: str, place: Callable[[int], int | None]) -> References:
    """`place` tells where in the document a character of the HTML stands; None: nowhere."""
    shown: list[Reference] = []
    left: list[LeftAlone] = []
    for attribute in attributes:
        if (attribute.tag, attribute.name) in _OTHERS:
            left.append(LeftAlone(attribute.value, f"<{attribute.tag} {attribute.name}> is not rewritten"))
            continue
        for reference in _references(attribute, html):
            placed = _placed(reference, place)
            left.extend(() if placed else (LeftAlone(reference.target, NOT_PLACED),))
            shown.extend((placed,) if placed else ())
    return References(tuple(shown), tuple(left))


def _references(attribute: Attribute, html: str) -> Iterable[Reference]:
    raw = html[attribute.start : attribute.end]
    if html[attribute.start - 1] not in "\"'":
        return (Reference(attribute.start, attribute.end, attribute.value, Writing.UNQUOTED),)
    if attribute.name == "srcset":
        return _candidates(attribute, raw)
    return (Reference(attribute.start, attribute.end, attribute.value, Writing.ATTRIBUTE),)


def _placed(reference: Reference, place: Callable[[int], int | None]) -> Reference | None:
    start, last = place(reference.start), place(reference.end - 1)
    if start is None or last is None or last + 1 - start != reference.end - reference.start:
        return None
    return Reference(start, last + 1, reference.target, reference.writing)


def attributes(html: str, *, fragment: bool = False) -> Iterator[Attribute]:
    """Those of live markup that name an image, and hold something."""
    # Nothing of it is shown or kept, so nothing needs to be made safe: the text goes on as it came.
    tree = JustHTML(html, sanitize=False, track_node_locations=True, fragment=fragment)
    for node in tree.query(_TAGS):
        if node.origin_offset is None or not node.attrs:
            continue
        spans = _spans(html, node.origin_offset)
        for name, value in node.attrs.items():
            if value and name in spans and (node.name, name) in _SHOWN | _OTHERS:
                yield Attribute(node.name, name, value, *spans[name], node.origin_offset)


_TAG_NAME = re.compile(r"<[^ \t\n\f\r/>]*")
# WHATWG HTML, 13.2.5.32 and following: a name may begin with "=", a value may have no quotes.
_ATTRIBUTE = re.compile(
    r"""[ \t\n\f\r/]*(=?[^ \t\n\f\r/>=]*)(?:[ \t\n\f\r]*=[ \t\n\f\r]*(?:"([^"]*)"|'([^']*)'|([^ \t\n\f\r>]*)))?"""
)


def _spans(html: str, tag_start: int) -> dict[str, tuple[int, int]]:
    """Name -> where its value stands. Of two alike the first counts."""
    name = _TAG_NAME.match(html, tag_start)
    spans: dict[str, tuple[int, int]] = {}
    at = name.end() if name else len(html)
    while (one := _ATTRIBUTE.match(html, at)) and one[1]:
        spans.setdefault(one[1].lower(), one.span(one.lastindex or 1))
        at = one.end()
    return spans


# The candidates of a srcset (WHATWG HTML, "parse a srcset attribute")


_SPACE = " \t\n\f\r"
_RUN = re.compile(f"[^{_SPACE},][^{_SPACE}]*")
_DESCRIPTORS = re.compile(r"[^,(]*(?:\([^)]*\)?[^,(]*)*")


def _candidates(attribute: Attribute, raw: str) -> Iterator[Reference]:
    """`raw` is the attribute's value as it stands in the text."""
    at = 0
    while run := _RUN.search(raw, at):
        url = run[0].rstrip(",")
        start = attribute.start + run.start()
        yield Reference(start, start + len(url), unescape(url), Writing.CANDIDATE)
        descriptors = _DESCRIPTORS.match(raw, run.end())
        at = run.end() if run[0] != url or descriptors is None else descriptors.end()
