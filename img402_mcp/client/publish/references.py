"""Where a document names an image, and the same document with other names. Pure: no disk, no network."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from urllib.parse import unquote_to_bytes, urlsplit


class Kind(Enum):
    MARKDOWN = "Markdown"
    HTML = "HTML"


class Writing(Enum):
    """How a URL is written at that place."""

    DESTINATION = "a link destination of Markdown"
    ATTRIBUTE = "an attribute's value"
    CANDIDATE = "one of several in a srcset"
    UNQUOTED = "an attribute's value without quotes"


@dataclass(frozen=True)
class Reference:
    """`text[start:end]` is what a URL would replace, brackets and all; `target` is what it means."""

    start: int
    end: int
    target: str
    writing: Writing


@dataclass(frozen=True)
class LeftAlone:
    """A local image that is not for us to rewrite, and why."""

    target: str
    reason: str


@dataclass(frozen=True)
class References:
    references: tuple[Reference, ...]
    """In the document's order; none overlaps another."""
    left_alone: tuple[LeftAlone, ...]


def rewritten(text: str, urls: Mapping[Reference, str]) -> str:
    """The same text, byte for byte, with these references naming these URLs."""
    return "".join(_pieces(text, urls))


def _pieces(text: str, urls: Mapping[Reference, str]) -> Iterator[str]:
    done = 0
    for reference in sorted(urls, key=lambda each: each.start):
        yield text[done : reference.start]
        yield _WRITERS[reference.writing](urls[reference])
        done = reference.end
    yield text[done:]


def _destination(url: str) -> str:
    return url.replace("&", "&amp;").replace("(", "%28").replace(")", "%29")


def _attribute(url: str) -> str:
    return url.replace("&", "&amp;").replace("'", "&#39;").replace('"', "&quot;")


def _candidate(url: str) -> str:
    return _attribute(url.replace(",", "%2C"))


def _unquoted(url: str) -> str:
    """Markdown knows no `=` there (CommonMark 0.31, 6.6)."""
    return _candidate(url).replace("=", "&#61;")


_WRITERS: dict[Writing, Callable[[str], str]] = {
    Writing.DESTINATION: _destination,
    Writing.ATTRIBUTE: _attribute,
    Writing.CANDIDATE: _candidate,
    Writing.UNQUOTED: _unquoted,
}


# What a target means


_SCHEME = re.compile(r"[a-z][a-z0-9+.-]+:", re.IGNORECASE)  # of one letter it is a drive of Windows
_SUFFIX = re.compile(r"[?#].*", re.DOTALL)
_FRAGMENT = re.compile(r"#[A-Za-z0-9_.~-]+\Z")


def is_local(target: str) -> bool:
    """A path, or a file:// URL; not another place of the web, nor of this document."""
    text = target.strip()
    if text.lower().startswith("file://"):
        return True
    return bool(text) and not text.startswith(("#", "?", "//")) and not _SCHEME.match(text)


def path_in(target: str) -> str:
    """The path that a local target means, as in any URL: percent-encoded, a query and a fragment are no part of it."""
    path = _SUFFIX.sub("", target.strip())
    if path.lower().startswith("file://"):
        return path
    try:
        return unquote_to_bytes(path).decode()
    except UnicodeDecodeError:
        return path


def fragment_in(target: str) -> str:
    """Kept, since GitHub shows by `#gh-dark-mode-only` one of two images."""
    found = _FRAGMENT.search(target.strip())
    return found[0] if found else ""


def with_fragment(url: str, target: str) -> str:
    return url if urlsplit(url).fragment else url + fragment_in(target)
