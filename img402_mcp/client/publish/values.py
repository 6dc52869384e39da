"""What an attribute's value means, and where each of its characters is written; the URLs of a srcset and of CSS."""

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


# A style sheet, or a style attribute: url(), or a string in image-set()

_CSS_SPACE = r"[ \t\n\r\f]"
_DOUBLE = r'[^"\\\n\r\f]*+(?:\\.[^"\\\n\r\f]*+)*'
_SINGLE = _DOUBLE.replace('"', "'")
_BARE = rf"""(?:[^"'()\\ \t\n\r\f]|\\[0-9a-f]{{1,6}}+{_CSS_SPACE}?|\\[^\n\r\f0-9a-f])+"""
_TOKEN = re.compile(
    r"/\*.*?(?:\*/|\Z)"  # a comment, possibly unclosed
    rf"""|(?<![\w-])url\({_CSS_SPACE}*+(?:"({_DOUBLE})"|'({_SINGLE})'|({_BARE})){_CSS_SPACE}*+(?:\)|\Z)"""
    rf"""|"({_DOUBLE})"|'({_SINGLE})'|"{_DOUBLE}|'{_SINGLE}"""  # a string, possibly unclosed
    r"|\\."
    r"|@(?:import|namespace)(?![\w-])|(?<![\w-])(?:-webkit-)?image-set\(|\(|\)",
    re.IGNORECASE | re.DOTALL,
)
_IN_URL = {1, 2, 3}
_ESCAPE = re.compile(r"\\(?:([0-9a-f]{1,6})(?:\r\n|[ \t\n\r\f])?|(\r\n|[\n\r\f])|(.))", re.IGNORECASE | re.DOTALL)


def css_urls(css: str) -> Iterator[tuple[int, int, str]]:
    """Where each URL is written, without its quotes, and what it means."""
    is_rule = False
    functions: list[str] = []
    for token in _TOKEN.finditer(css):
        if token.lastindex:
            # A string is a URL only directly in an image-set(): the one in type("image/png") is not.
            is_url = token.lastindex in _IN_URL or (functions and functions[-1] != "(")
            if is_url and not is_rule:
                start, end = token.span(token.lastindex)
                yield start, end, _ESCAPE.sub(_escaped, css[start:end])
            is_rule = False
        elif token[0].endswith("("):
            functions.append(token[0])
        elif token[0] == ")":
            del functions[-1:]
        else:
            is_rule = token[0].startswith("@") or (is_rule and token[0].startswith("/*"))


def _escaped(found: re.Match[str]) -> str:
    if not found[1]:
        return found[3] or ""
    code = int(found[1], 16)
    return chr(code) if 0 < code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF else "\ufffd"
