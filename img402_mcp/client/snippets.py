"""The text to paste for one image: safe for any file name and in any place."""

import html
import re
import unicodedata
from pathlib import Path

MAX_ALT_LENGTH = 80
WIDEST = 10_000
_MARKDOWN = re.compile(r"[\\`*_\[\]<>&!|~#$:@]")
# Removed: in a bracket or an attribute they can reverse the surrounding text, or hide in it.
_INVISIBLE = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def snippet(path: Path, url: str, width: int = 0) -> str:
    """`![shot](https://...)`, or `<img>` with a width in CSS pixels, which a picture from a dense screen needs.

    The file's stem is the alternative text, escaped; the URL's parentheses are encoded.
    """
    visible = (" " if unicodedata.category(mark) in _INVISIBLE else mark for mark in path.stem)
    name = " ".join("".join(visible).split())[:MAX_ALT_LENGTH]
    if not width:
        return f"![{escaped(name)}]({encoded(url)})"
    # It may be in a table cell or a line of markdown, so it may have no bar, backquote or star.
    text = re.sub(r"[|`*_~$@:]", lambda mark: f"&#{ord(mark[0])};", html.escape(name))
    return f'<img src="{html.escape(url)}" alt="{text}" width="{width}">'


def escaped(text: str) -> str:
    return _MARKDOWN.sub(r"\\\g<0>", text)


def encoded(url: str) -> str:
    return url.replace("(", "%28").replace(")", "%29")
