"""Paths as a person can paste them into the shell that they use here."""

import os
import re
import shlex
from collections.abc import Callable, Iterator, Sequence

from img402_mcp.client.files.roots import MAX_PATH_LENGTH
from img402_mcp.errors import quoted

_PLAIN = re.compile(r"[\w.:/\\][\w.:/\\-]*", re.ASCII)
"""What both cmd and PowerShell take as it is."""
_POWERSHELL_OBEYS = re.compile("[$`\u201c\u201d\u201e]")
"""In double quotes: variables, escapes, and the quotes of typographers, which end the word."""


_VARIABLE = re.compile(r"%([^%:]+)(?::[^%]*)?(?=%)")
"""What cmd replaces, in double quotes too, where there is a variable of that name."""


def lines_to_paste(purpose: str, words: Sequence[str], *, windows: bool = os.name == "nt") -> Iterator[str]:
    """One line; two where cmd and PowerShell want a path written differently."""
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
    """What a terminal would obey is shown escaped, for no shell."""
    return " ".join(word(path) if path.isprintable() else quoted(path, MAX_PATH_LENGTH) for path in paths)


def _for_cmd(path: str) -> str:
    """Where `%` would begin a variable's name, it stands outside the quotes, behind a caret."""
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
