"""Where a document names its images, and how it is rewritten. Pure: no disk, no network."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from posixpath import normpath

from img402_mcp.client.publish.urls import cleaned, is_local, is_relative, is_template, names_image, resolved


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
    """A local image that keeps its reference, and why."""

    target: str
    reason: str


@dataclass(frozen=True)
class Base:
    """The document's `<base>`. `unclear` says why its effect on a URL is not known."""

    href: str
    start: int
    unclear: str = ""


Span = tuple[int, int]


@dataclass
class References:
    """What has been found so far; no reference overlaps another."""

    references: list[Reference] = field(default_factory=list)
    left_alone: list[LeftAlone] = field(default_factory=list)
    base: Base | None = field(default=None, compare=False)
    seen: list[Span] = field(default_factory=list, compare=False)
    """What has been understood, whether or not it is a local image."""
    linked: list[str] = field(default_factory=list, compare=False)
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


_WRITERS: dict[Writing, Callable[[str], str]] = {
    Writing.DESTINATION: _destination,
    Writing.ATTRIBUTE: _attribute,
    Writing.CANDIDATE: _candidate,
    Writing.UNQUOTED: _unquoted,
    Writing.STYLE: _style,
    Writing.STYLE_ATTRIBUTE: lambda url: _unquoted(_style(url)),
}


# Which of them are files on this machine


TEMPLATE = "a template fills in part of it"
BEFORE_BASE = "a <base href> comes after it, and browsers differ in what they then show"


def local(found: References) -> References:
    """Only the local ones, in the document's order."""
    href = found.base.href if found.base else ""
    left = (each for each in found.left_alone if is_local(resolved(cleaned(each.target), href)))
    linked = dict.fromkeys(resolved(cleaned(target), href) for target in found.linked)
    images = [url for url in linked if is_local(url) and names_image(url)]
    ours = References([], [*left], found.base, found.seen, images)
    for reference in sorted(found.references, key=lambda each: each.start):
        url = resolved(reference.url, href)
        reason = _doubt(reference, found.base)
        if reason and is_local(reference.url):
            ours.left_alone.append(LeftAlone(reference.target, reason))
        elif not reason and is_local(url):
            ours.references.append(replace(reference, url=url, by_base=_is_changed(reference, found.base)))
    return replace(ours, left_alone=[*dict.fromkeys(ours.left_alone)])


def _doubt(reference: Reference, base: Base | None) -> str:
    """Why it is unclear which image this is; empty if it is clear."""
    if is_template(reference.target):
        return TEMPLATE
    if base is None or not is_relative(reference.url):
        return ""
    shown_at = reference.start if reference.shown_at is None else reference.shown_at
    return base.unclear or (BEFORE_BASE if shown_at < base.start and _is_changed(reference, base) else "")


def _is_changed(reference: Reference, base: Base | None) -> bool:
    href = base.href if base else ""
    return normpath(resolved(reference.url, href)) != normpath(resolved(reference.url))
