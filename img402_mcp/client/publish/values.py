"""What an attribute's value means, and where each of its characters is written; the candidates of a srcset."""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from html.entities import html5

_REFERENCE = re.compile(r"&(?:#[0-9]+;?|#[xX][0-9a-fA-F]+;?|([A-Za-z][A-Za-z0-9]*+(?:;|(?!=))))")


@dataclass(frozen=True)
class Value:
    """`text` is the value written at `start`, with its character references resolved."""

    text: str
    start: int
    cuts: tuple[tuple[int, int], ...] = ()
    """Places in `text` after a reference, each with how much longer the written value is up to there."""

    def place(self, at: int) -> int:
        """Where the character `text[at]` is written; at the end of `text`, where the value ends."""
        cut = bisect_right(self.cuts, (at, 1 << 60)) - 1
        return self.start + at + (self.cuts[cut][1] if cut >= 0 else 0)


def value(html: str, start: int, end: int) -> Value:
    """The value of an attribute (WHATWG HTML 13.2.5.72 and following)."""
    raw = html[start:end]
    if "&" not in raw:
        return Value(raw, start)
    pieces: list[str] = []
    cuts: list[tuple[int, int]] = []
    done = length = 0
    for found in _REFERENCE.finditer(raw):
        if found[1] and found[1] not in html5:
            continue
        pieces += [raw[done : found.start()], unescape(found[0])]
        length += len(pieces[-2]) + len(pieces[-1])
        done = found.end()
        cuts.append((length, done - length))
    return Value("".join((*pieces, raw[done:])), start, tuple(cuts))


# WHATWG HTML, "parse a srcset attribute"
_SPACE = " \t\n\f\r"
_RUN = re.compile(f"[^{_SPACE},][^{_SPACE}]*+")
_DESCRIPTORS = re.compile(r"[^,(]*+(?:\([^)]*+(?:\)|\Z)[^,(]*+)*")


def candidates(srcset: str) -> Iterator[tuple[int, int]]:
    """Where each URL of a srcset is."""
    at = 0
    while run := _RUN.search(srcset, at):
        url = run[0].rstrip(",")
        yield run.start(), run.start() + len(url)
        descriptors = _DESCRIPTORS.match(srcset, run.end())
        at = run.end() if run[0] != url or descriptors is None else descriptors.end()
