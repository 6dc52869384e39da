"""The start tags of an HTML text, and where their attributes are written.

Comments, raw text, foreign content and elements whose content is not shown are read as in browsers (WHATWG HTML, 13.2.5
and 13.2.6). No tree is built, so the time grows only with the length of the text.
"""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate

Span = tuple[int, int]
BlockEnd = Callable[[int], int]

_RAW = frozenset(["iframe", "noembed", "noframes", "plaintext", "script", "style", "textarea", "title", "xmp"])
"""Their content is text. In Markdown, GitHub shows even their tags as text."""
_UNSHOWN = frozenset(["audio", "canvas", "noscript", "object", "template", "video"])
"""Their content is a fallback, or is never shown."""
_WITHIN = {"source": "picture"} | dict.fromkeys(("tbody", "td", "tfoot", "th", "thead", "tr"), "table")
"""These are ignored outside of the other element."""
_SHADOW = "template shadowrootmode"
"""Its content is shown if it is the first element in its host."""
INERT = frozenset({"noscript", "template", _SHADOW})
"""Their content is not part of the document."""
_HOST = re.compile(r"article|aside|blockquote|body|div|footer|h[1-6]|header|main|nav|p|section|span|[a-z]\S*-\S*")

_TAG_NAME = re.compile(r"</?([A-Za-z][^ \t\n\f\r/>]*+)")
_EQUALS = r"[ \t\n\f\r]*+=[ \t\n\f\r]*+"
_VALUE = r"""(?:"([^"]*+)"|'([^']*+)'|([^ \t\n\f\r>"'][^ \t\n\f\r>]*+)|(?=>))"""
_ATTRIBUTE = re.compile(
    rf"(?!>)(?:[ \t\n\f\r/]++|(=[^ \t\n\f\r/>=]*+|[^ \t\n\f\r/>=]++)(?:{_EQUALS}{_VALUE}|(?!{_EQUALS})))"
)
_COMMENT_END = re.compile(r"--!?>")
_END_OF = {name: re.compile(rf"</{name}(?=[ \t\n\f\r/>])", re.IGNORECASE) for name in _RAW | {"noscript"}}
_IN_SCRIPT = re.compile(r"<!--(?:-?>)?|-->|</?script(?=[ \t\n\f\r/>])", re.IGNORECASE)
_STYLE_OF_SVG = re.compile(r"[^<]*+(?=</style)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Tag:
    """`html[start:end]` is a start tag. `name` is in lower case. `is_foreign`: it belongs to SVG or MathML."""

    name: str
    start: int
    name_end: int
    end: int
    is_foreign: bool


class Hidden:
    """Parts of the text that are not shown, each with the element that hides it."""

    def __init__(self, spans: Iterable[tuple[int, int, str]]) -> None:
        self._spans = sorted(spans)
        self._starts = [start for start, _, _ in self._spans]
        self._ends = [*accumulate((end for _, end, _ in self._spans), max)]

    def element(self, at: int) -> str:
        """The element that hides this place; empty if none does."""
        last = bisect_right(self._starts, at) - 1
        if last < 0 or self._ends[last] <= at:
            return ""
        return self._spans[bisect_right(self._ends, at)][2]


@dataclass(frozen=True)
class Markup:
    tags: tuple[Tag, ...]
    styles: tuple[Span, ...]
    """The contents of `<style>` elements."""
    hidden: Hidden
    inert: Hidden


def read(html: str, block_end: BlockEnd | None = None) -> Markup:
    """Reads an HTML document or, with `block_end`, the HTML of a Markdown document.

    In Markdown, raw text ends in the HTML block where it starts, which `block_end` finds, and an element that is never
    closed hides nothing: prose may mention a `<title>`.
    """
    reader = _Reader(html, block_end)
    reader.read()
    spans = reader.unshown()
    hidden, inert = (each for each in spans if each[2] != _SHADOW), (each for each in spans if each[2] in INERT)
    return Markup(tuple(reader.tags), tuple(reader.styles), Hidden(hidden), Hidden(inert))


def attributes(html: str, tag: Tag) -> dict[str, Span]:
    """Name -> where its value is written, without quotes. The first of two with the same name counts."""
    spans: dict[str, Span] = {}
    for one in _attributes(html, tag.name_end):
        if one[1]:
            spans.setdefault(one[1].lower(), one.span(one.lastindex or 1) if one.lastindex != 1 else (one.end(),) * 2)
    return spans


def _attributes(html: str, at: int) -> Iterator[re.Match[str]]:
    """One by one: a group inside a possessive one is a SystemError in some releases of Python 3.11."""
    while one := _ATTRIBUTE.match(html, at):
        yield one
        at = one.end()


def _tag(html: str, at: int) -> tuple[str, int, int] | None:
    """The name of the tag at `at`, and where the name and the tag end; None if the tag has no end."""
    name = _TAG_NAME.match(html, at)
    if not name:
        return None
    end = name.end()
    for one in _attributes(html, end):
        end = one.end()
    return (name[1].lower(), name.end(), end + 1) if html.startswith(">", end) else None


def _is_shadow(html: str, tag: Tag) -> bool:
    start, end = attributes(html, tag).get("shadowrootmode", (0, 0))
    return html[start:end].lower() in {"open", "closed"}


class _Reader:
    def __init__(self, html: str, block_end: BlockEnd | None) -> None:
        self.tags: list[Tag] = []
        self.styles: list[Span] = []
        self._html = html
        self._block_end = block_end
        self._raw = _RAW if block_end else _RAW | {"noscript"}
        self._foreign = _Foreign()
        self._open: dict[str, list[tuple[int, str]]] = {name: [] for name in _UNSHOWN}
        self._unshown: list[tuple[int, int, str]] = []
        self._parent = ""  # the element of the last tag, if it is a start tag
        self._unclosed: dict[str, int] = {}
        self._around: Counter[str] = Counter()

    def read(self) -> None:
        at = self._html.find("<")
        while at >= 0:
            at = self._html.find("<", self._behind(at))

    def unshown(self) -> list[tuple[int, int, str]]:
        """In an HTML document, a template that is never closed extends to the end."""
        left = [] if self._block_end else self._open["template"]
        return [*self._unshown, *((start, len(self._html), name) for start, name in left)]

    def _behind(self, at: int) -> int:
        """The end of the markup that starts with this "<"."""
        mark = self._html[at + 1 : at + 2]
        if mark.isascii() and mark.isalpha():
            return self._start_tag(at)
        if mark == "/":
            return self._end_tag(at)
        if mark == "!":
            return self._declaration(at)
        return self._after(">", at) if mark == "?" else at + 1

    def _after(self, end: str, at: int) -> int:
        found = self._html.find(end, at)
        return found + len(end) if found >= 0 else len(self._html)

    def _declaration(self, at: int) -> int:
        if self._html.startswith(("<!-->", "<!--->"), at):
            return self._after(">", at)
        if self._html.startswith("<!--", at):
            end = _COMMENT_END.search(self._html, at + 4)
            return end.end() if end else len(self._html)
        if self._foreign.inside and self._html.startswith("<![CDATA[", at):
            return self._after("]]>", at)
        return self._after(">", at)

    def _end_tag(self, at: int) -> int:
        found = _tag(self._html, at)
        if not found:  # "</>" and "</3" are comments; a tag without an end hides the rest
            follows = self._html[at + 2 : at + 3]
            return len(self._html) if follows.isascii() and follows.isalpha() else self._after(">", at)
        name, _, end = found
        self._foreign.end(name, is_open=self._around[name] > 0)
        self._parent = ""
        self._around[name] = max(self._around[name] - 1, 0)
        if self._open.get(name):
            start, element = self._open[name].pop()
            self._unshown.append((start, at, element))
        return end

    def _start_tag(self, at: int) -> int:
        found = _tag(self._html, at)
        if not found:
            return len(self._html)
        name, name_end, end = found
        is_foreign = self._foreign.start(name, is_closed=self._html[end - 2] == "/")
        named = "img" if name == "image" and not self._foreign.is_open else name
        if name in _WITHIN and not self._around[_WITHIN[name]]:
            return end
        self._around[name] += 1
        self.tags.append(Tag(named, at, name_end, end, is_foreign))
        if is_foreign:
            return self._style_of_svg(end) if name == "style" else end
        if name in self._open:
            is_shadow = name == "template" and _HOST.fullmatch(self._parent) and _is_shadow(self._html, self.tags[-1])
            self._open[name].append((end, _SHADOW if is_shadow else name))
        self._parent = name
        return self._raw_text(name, end) if name in self._raw else end

    def _style_of_svg(self, at: int) -> int:
        found = _STYLE_OF_SVG.match(self._html, at)
        self.styles += [found.span()] if found else []
        return at

    def _raw_text(self, name: str, at: int) -> int:
        """The end of the raw text that starts here."""
        limit = self._block_end(at) if self._block_end else len(self._html)
        end = None if self._unclosed.get(name) == limit else _end_of(name, self._html, at, limit)
        if end is None:
            self._unclosed[name] = limit
            return at if self._block_end else len(self._html)
        self.styles += [(at, end)] if name == "style" else []
        return end


def _end_of(name: str, html: str, at: int, limit: int) -> int | None:
    if name == "plaintext":
        return None
    if name == "script":
        return _end_of_script(html, at, limit)
    end = _END_OF[name].search(html, at, limit)
    return end.start() if end else None


def _end_of_script(html: str, at: int, limit: int) -> int | None:
    """A script that starts in a script's comment ends in it (13.2.5.17 and following)."""
    is_comment = is_inner = False
    for found in _IN_SCRIPT.finditer(html, at, limit):
        mark = found[0].lower()
        if mark == "</script" and not is_inner:
            return found.start()
        if mark.endswith(">"):
            is_comment = is_inner = False
        elif mark == "<!--":
            is_comment = True
        else:
            is_inner = is_comment and mark == "<script"
    return None


# SVG and MathML


_BREAKOUT = frozenset({
    "b", "big", "blockquote", "body", "br", "center", "code", "dd", "div", "dl", "dt", "em", "embed", "h1", "h2", "h3",
    "h4", "h5", "h6", "head", "hr", "i", "img", "li", "listing", "menu", "meta", "nobr", "ol", "p", "pre", "ruby", "s",
    "small", "span", "strike", "strong", "sub", "sup", "table", "tt", "u", "ul", "var",
})  # fmt: skip
"""These end SVG and MathML (13.2.6.5)."""
_NEVER_ENDED = frozenset({"body", "br", "embed", "head", "hr", "img", "meta"})
_INTEGRATION = {  # elements that hold HTML
    "svg": frozenset({"desc", "foreignobject", "title"}),
    "math": frozenset({"annotation-xml", "mi", "mn", "mo", "ms", "mtext"}),
}


class _Foreign:
    """Tracks whether the reader is in SVG or MathML, which have CDATA and no raw text."""

    def __init__(self) -> None:
        self._open: list[tuple[str, str]] = []  # each with the namespace of its content; empty for HTML
        self._count: Counter[str] = Counter()

    @property
    def is_open(self) -> bool:
        return bool(self._open)

    @property
    def inside(self) -> bool:
        return bool(self._open and self._open[-1][1])

    def start(self, name: str, *, is_closed: bool) -> bool:
        """Whether the element that starts is foreign."""
        if name in _BREAKOUT:
            self._leave()
        is_foreign = self.inside or name in _INTEGRATION
        namespace = self._open[-1][1] if self.inside else name
        if is_foreign and not is_closed and (name in _INTEGRATION or name in _INTEGRATION[namespace]):
            self._open.append((name, "" if name in _INTEGRATION[namespace] else namespace))
            self._count[name] += 1
        return is_foreign

    def end(self, name: str, *, is_open: bool) -> None:
        """`is_open`: there is an element that this tag may end. If not, SVG and MathML ignore it, except `</p>`."""
        if name in {"br", "p"} or (is_open and name in _BREAKOUT - _NEVER_ENDED):
            self._leave()
        left = self._count[name] - 1
        while self._count[name] > max(left, 0):
            self._close()

    def _leave(self) -> None:
        while self.inside:
            self._close()

    def _close(self) -> None:
        self._count[self._open.pop()[0]] -= 1
