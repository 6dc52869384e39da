"""What CommonMark does not define and other Markdown viewers do: wikilinks and comments.

A wikilink is `![[a.png|300]]` in Obsidian and `[[a.png|width=300px]]` in gollum. The length of each match is bounded,
so that the time does not grow with the square of the text.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from html import escape
from itertools import accumulate
from pathlib import PurePosixPath

from img402_mcp.client.publish.references import LeftAlone, Reference, References, Span, Writing
from img402_mcp.client.publish.urls import names_image


class Understood:
    """What already has a meaning in CommonMark: code, HTML and images; and where links begin."""

    def __init__(self, spans: Iterable[Span], links: Iterable[int]) -> None:
        ordered = sorted(spans)
        self._starts = [start for start, _ in ordered]
        self._ends = [*accumulate((end for _, end in ordered), max)]
        self._links = sorted(links)

    def overlaps(self, start: int, end: int) -> bool:
        last = bisect_left(self._starts, end) - 1
        return last >= 0 and self._ends[last] > start

    def has_link(self, start: int, end: int) -> bool:
        at = bisect_left(self._links, start)
        return at < len(self._links) and self._links[at] < end


def found(text: str, understood: Understood) -> References:
    images = References()
    for match in _WIKILINK.finditer(text):
        if not (_is_escaped(text, match.start()) or understood.overlaps(*match.span())):
            _take_wikilink(images, match, understood)
    return images


_NEAR = 100
"""The number of characters before an image that are examined."""


def _is_escaped(text: str, at: int) -> bool:
    before = text[max(at - _NEAR, 0) : at]
    return (len(before) - len(before.rstrip("\\"))) % 2 == 1


# ![[a.png|300]] and [[a.png]]


_WIKILINK = re.compile(r"(!?)\[\[([^\[\]|\n]{1,500}+)((?:\|[^\[\]|\n]{0,500}+){0,9})\]\]")
_NAMESPACE = re.compile(r"\A(?:file|image):(?!/)", re.IGNORECASE)
_SIZE = re.compile(r"(?=x?[0-9])([0-9]{1,5})?(?:x([0-9]{1,5})?)?(?:px)?\Z")
_KEY = re.compile(r"(alt|width|height)\s*=\s*(.*)\Z")
_LENGTH = re.compile(r"([0-9]{1,5}%?)(?:px)?\Z")
_LAYOUT = re.compile(r"(?:align|class)\s*=|(?:float|frame)\Z")
_SPECIAL = re.compile(r"([\\`*_<>&!~^$])")


def _take_wikilink(images: References, match: re.Match[str], understood: Understood) -> None:
    target = _NAMESPACE.sub("", match[2].rstrip("\\").strip())
    if not names_image(target) or understood.has_link(*match.span()) or _is_defined(match):
        return
    images.seen.append(match.span())
    look = _look(target, [option.rstrip("\\").strip() for option in match[3].split("|")[1:]])
    if look is None:
        images.left_alone.append(
            LeftAlone(target, f"the layout options of its wikilink are not understood: {match[3]}")
        )
    else:
        url = target.replace("%", "%25").replace("?", "%3F")  # a wikilink is a file name, not a URL
        if look.writing is Writing.ATTRIBUTE and _meets_html(match, understood):
            look = replace(look, before=f"<span>{look.before}", after=f"{look.after}</span>")
        images.references.append(
            Reference(*match.span(), target, look.writing, url, before=look.before, after=look.after)
        )


_LABEL = re.compile(r"(?:\A|\[(?!\^))[^\[\]]*+\]:\s*\Z")


def _is_defined(match: re.Match[str]) -> bool:
    """Whether it is the destination of a definition."""
    return bool(_LABEL.search(match.string[max(match.start() - _NEAR, 0) : match.start()]))


@dataclass(frozen=True)
class _Look:
    writing: Writing
    before: str
    after: str


def _look(target: str, options: Iterable[str]) -> _Look | None:
    """What is written around the URL; None if an option is not understood."""
    said = {"alt": PurePosixPath(target.replace("\\", "/")).stem}
    for option in options:
        size, key = _SIZE.match(option), _KEY.match(option)
        if _LAYOUT.match(option):
            return None
        if size:
            said |= {name: length for name, length in zip(("width", "height"), size.groups(), strict=True) if length}
        elif key and key[1] != "alt":
            length = _LENGTH.match(key[2])
            if not length:
                return None
            said[key[1]] = length[1]
        elif option:
            said["alt"] = key[2] if key else option
    return _as_written(said)


def _as_written(said: dict[str, str]) -> _Look:
    alt = said.pop("alt")
    if not said:
        plain = _SPECIAL.sub(r"\\\1", alt)
        return _Look(Writing.DESTINATION, f"![{plain}](", ")")
    sizes = "".join(f' {name}="{length}"' for name, length in said.items())
    return _Look(Writing.ATTRIBUTE, f'<img alt="{escape(alt)}" src="', f'"{sizes}>')


# An `<img>` alone on its line starts an HTML block (CommonMark 4.6). The lines below it are then not read as Markdown,
# and an unclosed tag above swallows it. In a `<span>` it stays in the paragraph, as the wikilink did.


_CONTAINERS = " \t\r\n>*+-0123456789.)"
_TEXT_BELOW = re.compile(r"[ \t]*(?:\r\n?|\n)[ \t>]*[^ \t>\r\n]")


def _meets_html(match: re.Match[str], understood: Understood) -> bool:
    """Whether text follows on the next line, or HTML may precede it."""
    if _TEXT_BELOW.match(match.string, match.end()):
        return True
    before = match.string[max(match.start() - _NEAR, 0) : match.start()]
    end = match.start() - len(before) + len(before.rstrip(_CONTAINERS))
    return understood.overlaps(end - 1, end)


# Comments


_COMMENTS = (
    (re.compile(r"\{/\*"), re.compile(r"\*/\}")),  # JSX
    (re.compile(r"\{%-?\s{0,9}comment\b[^%\n]{0,99}%\}"), re.compile(r"\{%-?\s{0,9}endcomment\s{0,9}-?%\}")),  # Liquid
    (re.compile(r"(?<![\w%])%%(?!%)"), re.compile(r"%%")),  # Obsidian
)


def comments(text: str, understood: Understood) -> Iterator[Span]:
    for begin, end in _COMMENTS:
        at = 0
        while first := begin.search(text, at):
            at = first.end()
            if not understood.overlaps(*first.span()):
                last = end.search(text, at)
                if not last:
                    break
                yield first.start(), last.end()
                at = last.end()
