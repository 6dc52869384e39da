"""Where a document names its images, and how it is rewritten. Pure: no disk, no network."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum


class Kind(Enum):
    MARKDOWN = "Markdown"
    HTML = "HTML"


class Writing(Enum):
    """How a URL is written at a place."""

    DESTINATION = "a link destination of Markdown"
    ATTRIBUTE = "an attribute's value"
    CANDIDATE = "one of several in a srcset"
    UNQUOTED = "an attribute's value without quotes"
    STYLE = "in a style sheet"
    STYLE_ATTRIBUTE = "in a style attribute"


@dataclass(frozen=True)
class Reference:
    """A URL replaces `text[start:end]`, including any brackets; `target` is what that text means."""

    start: int
    end: int
    target: str
    writing: Writing
    url: str = ""
    """The target relative to the document's folder, once the base is known."""
    written: str = ""
    """The destination as written, if it has a backslash that may be part of a Windows path."""
    before: str = ""
    after: str = ""
    """Written around the URL, if more than the URL is replaced."""
    shown_at: int | None = None
    """Where the image is shown, if that is not at `start`."""
    by_base: bool = False
    """Whether the document's base changes what the target means."""


@dataclass(frozen=True)
class LeftAlone:
    """A local image that is not rewritten, and why."""

    target: str
    reason: str


@dataclass(frozen=True)
class Base:
    """The document's `<base>`. `unclear` says why its effect on a URL is not known."""

    href: str
    start: int
    unclear: str = ""


Span = tuple[int, int]


@dataclass(frozen=True)
class References:
    references: tuple[Reference, ...]
    """In the document's order; none overlaps another."""
    left_alone: tuple[LeftAlone, ...]
    base: Base | None = field(default=None, compare=False)
    seen: tuple[Span, ...] = field(default=(), compare=False)
    """What has been understood, whether or not it is a local image."""
    linked: tuple[str, ...] = field(default=(), compare=False)
    """Images that a link points to."""


def rewritten(text: str, urls: Mapping[Reference, str]) -> str:
    """The same text with these URLs in place of the references."""
    return "".join(_pieces(text, urls))


def _pieces(text: str, urls: Mapping[Reference, str]) -> Iterator[str]:
    done = 0
    for reference in sorted(urls, key=lambda each: each.start):
        yield text[done : reference.start]
        yield f"{reference.before}{_WRITERS[reference.writing](urls[reference])}{reference.after}"
        done = reference.end
    yield text[done:]


def _destination(url: str) -> str:
    return url.replace("&", "&amp;").replace("(", "%28").replace(")", "%29")


def _attribute(url: str) -> str:
    return url.replace("&", "&amp;").replace("'", "&#39;").replace('"', "&quot;")


def _candidate(url: str) -> str:
    return _attribute(url.replace(",", "%2C"))


def _unquoted(url: str) -> str:
    """Markdown allows no `=` there (CommonMark 0.31, 6.6)."""
    return _candidate(url).replace("=", "&#61;")


_NOT_IN_CSS = re.compile(r"""[\\"'()<>\s]""")


def _style(url: str) -> str:
    return _NOT_IN_CSS.sub(lambda mark: f"%{ord(mark[0]):02X}", url)


def _style_attribute(url: str) -> str:
    return _unquoted(_style(url))


_WRITERS: dict[Writing, Callable[[str], str]] = {
    Writing.DESTINATION: _destination,
    Writing.ATTRIBUTE: _attribute,
    Writing.CANDIDATE: _candidate,
    Writing.UNQUOTED: _unquoted,
    Writing.STYLE: _style,
    Writing.STYLE_ATTRIBUTE: _style_attribute,
}
