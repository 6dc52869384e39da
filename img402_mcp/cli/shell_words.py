"""Paths in a form that a person can paste into their shell."""

import os
import re
import shlex
from collections.abc import Callable, Iterator, Sequence

from img402_mcp.client.files.roots import MAX_PATH_LENGTH
from img402_mcp.errors import quoted

_PLAIN = re.compile(r"[\w.:/\\][\w.:/\\-]*", re.ASCII)
"""Characters that both cmd and PowerShell take as they are."""
_POWERSHELL_OBEYS = re.compile("[$`\u201c\u201d\u201e]")
"""Special in double quotes: variables, escapes, and typographic quotes, which end the word."""

_VARIABLE = re.compile(r"%([^%:]+)(?::[^%]*)?(?=%)")
"""Text that cmd replaces, also in double quotes, if there is a variable of that name."""


def lines_to_paste(purpose: str, words: Sequence[str], *, windows: bool = os.name == "nt") -> Iterator[str]:
    """One line; two if cmd and PowerShell need different spellings."""
    if not windows:
        yield f"{purpose}: {_joined(words, shlex.quote)}"
        return
    for_cmd, for_powershell = _joined(words, _for_cmd), _joined(words, _for_powershell)
    if for_cmd == for_powershell:
        yield f"{purpose}: {for_cmd}"
        return
    yield f"{purpose} in PowerShell: {for_powershell}"
    yield f"{purpose} in cmd: {for_cmd}"


def _joined(paths: Sequence[str], word: Callable[[str], str]) -> str:
    """Characters that a terminal would obey are shown escaped; no shell can use that."""
    return " ".join(word(path) if path.isprintable() else quoted(path, MAX_PATH_LENGTH) for path in paths)


def _for_cmd(path: str) -> str:
    """A `%` that would begin a variable's name is put outside the quotes, after a caret."""
    if _PLAIN.fullmatch(path):
        return path
    is_expanded = any(name in os.environ for name in _VARIABLE.findall(path))
    return f'"{path}"'.replace("%", '"^%"') if is_expanded else f'"{path}"'


def _for_powershell(path: str) -> str:
    if _PLAIN.fullmatch(path):
        return path
    if not _POWERSHELL_OBEYS.search(path):
        return f'"{path}"'
    return "'" + re.sub("(['\u2018\u2019\u201a\u201b])", r"\1\1", path) + "'"
