"""Where a style sheet, or a style attribute, names an image by `url()` (CSS Syntax Level 3)."""

import re
from collections.abc import Iterator

_SPACE = r"[ \t\n\r\f]"
_DOUBLE = r'[^"\\\n\r\f]*+(?:\\.[^"\\\n\r\f]*+)*'
_SINGLE = _DOUBLE.replace('"', "'")
_BARE = rf"""(?:[^"'()\\ \t\n\r\f]|\\[0-9a-f]{{1,6}}+{_SPACE}?|\\[^\n\r\f0-9a-f])+"""
_TOKEN = re.compile(
    r"/\*.*?(?:\*/|\Z)"  # a comment, also one without an end
    rf"""|(?<![\w-])url\({_SPACE}*+(?:"({_DOUBLE})"|'({_SINGLE})'|({_BARE})){_SPACE}*+(?:\)|\Z)"""
    rf"""|"{_DOUBLE}"?|'{_SINGLE}'?"""  # a string, also one without an end
    r"|\\.",
    re.IGNORECASE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:([0-9a-f]{1,6})(?:\r\n|[ \t\n\r\f])?|(\r\n|[\n\r\f])|(.))", re.IGNORECASE | re.DOTALL)


def urls(css: str) -> Iterator[tuple[int, int, str]]:
    """Where each URL is written, without quotes, and what it means."""
    for token in _TOKEN.finditer(css):
        if token.lastindex:
            start, end = token.span(token.lastindex)
            yield start, end, _ESCAPE.sub(_escaped, css[start:end])


def _escaped(found: re.Match[str]) -> str:
    if not found[1]:
        return found[3] or ""
    code = int(found[1], 16)
    return chr(code) if 0 < code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF else "\ufffd"
