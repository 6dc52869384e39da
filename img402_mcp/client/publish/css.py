"""Where a style sheet, or a style attribute, names an image: in `url()`, or as a string in `image-set()`."""

import re
from collections.abc import Iterator

_SPACE = r"[ \t\n\r\f]"
_DOUBLE = r'[^"\\\n\r\f]*+(?:\\.[^"\\\n\r\f]*+)*'
_SINGLE = _DOUBLE.replace('"', "'")
_BARE = rf"""(?:[^"'()\\ \t\n\r\f]|\\[0-9a-f]{{1,6}}+{_SPACE}?|\\[^\n\r\f0-9a-f])+"""
_TOKEN = re.compile(
    r"/\*.*?(?:\*/|\Z)"  # a comment, possibly unclosed
    rf"""|(?<![\w-])url\({_SPACE}*+(?:"({_DOUBLE})"|'({_SINGLE})'|({_BARE})){_SPACE}*+(?:\)|\Z)"""
    rf"""|"({_DOUBLE})"|'({_SINGLE})'|"{_DOUBLE}|'{_SINGLE}"""  # a string, possibly unclosed
    r"|\\."
    r"|@(?:import|namespace)(?![\w-])|(?<![\w-])(?:-webkit-)?image-set\(|\(|\)",
    re.IGNORECASE | re.DOTALL,
)
_IN_URL = {1, 2, 3}
_ESCAPE = re.compile(r"\\(?:([0-9a-f]{1,6})(?:\r\n|[ \t\n\r\f])?|(\r\n|[\n\r\f])|(.))", re.IGNORECASE | re.DOTALL)


def urls(css: str) -> Iterator[tuple[int, int, str]]:
    """Where each URL is written, without its quotes, and what it means."""
    is_rule = False
    functions: list[str] = []
    for token in _TOKEN.finditer(css):
        if token.lastindex:
            if not is_rule and _is_url(token, functions):
                start, end = token.span(token.lastindex)
                yield start, end, _ESCAPE.sub(_escaped, css[start:end])
            is_rule = False
        elif token[0].endswith("("):
            functions.append(token[0])
        elif token[0] == ")":
            del functions[-1:]
        else:
            is_rule = token[0].startswith("@") or (is_rule and token[0].startswith("/*"))


def _is_url(token: re.Match[str], functions: list[str]) -> bool:
    """Whether it is a url(), or a string directly in an image-set(): the one in type("image/png") is not a URL."""
    return token.lastindex in _IN_URL or bool(functions and functions[-1] != "(")


def _escaped(found: re.Match[str]) -> str:
    if not found[1]:
        return found[3] or ""
    code = int(found[1], 16)
    return chr(code) if 0 < code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF else "\ufffd"
