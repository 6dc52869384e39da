"""The arguments of a tool call, as models and frameworks send them: a clear meaning is accepted, anything else is
refused.

`null` and an empty text stand for an option that was left out. Numbers and truth values may be texts, a list may be
one item or its JSON, a path may be in quotes. An unknown argument is ignored and named in the answer. It is an error
if it looks like one of the tool's arguments, or if the call may spend money.
"""

import json
import os
import re
from collections.abc import Callable, Mapping
from inspect import Parameter
from typing import Any, Literal, NamedTuple, get_args, get_origin

from img402_mcp.errors import Img402Error, quoted


class BadArguments(Img402Error):
    """The call cannot be carried out as it is; `str()` says what came and what was wanted."""


class Arguments(NamedTuple):
    values: Mapping[str, Any]
    note: str = ""
    """The ignored arguments, for the answer."""


def read_arguments(
    tool: str, parameters: Mapping[str, Parameter], sent: Mapping[str, Any], *, spends: bool
) -> Arguments:
    """Raises BadArguments."""
    unknown = [name for name in sent if name not in parameters]
    _demand_known(tool, parameters, unknown, spends=spends)
    values = {name: _read(name, kind, sent[name]) for name, kind in parameters.items() if name in sent}
    given = {name: value for name, value in values.items() if value is not None}
    missing = [name for name, each in parameters.items() if each.default is Parameter.empty and name not in given]
    if missing:
        raise BadArguments(f"{tool} needs {missing[0]}, which is {_wanted(missing[0], parameters[missing[0]])}.")
    ignored = ", ".join(quoted(name, 40) for name in unknown[:5])
    return Arguments(given, f"Ignored, since this tool has no such argument: {ignored}." if ignored else "")


_SYNONYMS = {
    "path": {"file", "filename", "image", "img", "picture", "source", "src", "document", "uri", "url"},
    "paths": {"files", "filenames", "images", "pictures", "sources", "documents", "globs", "pattern", "patterns"},
    "out": {"output", "outfile", "outpath", "outputpath", "outputfile", "destination", "dest", "target"},
    "query": {"search", "q", "term", "text", "keyword"},
    "expiring_within_days": {"days", "expiring", "expires"},
    "token": {"uploadtoken"},
    "submission_id": {"submission"},
    "project_id": {"project"},
    "overwrite": {"force"},
}
"""Other names that models use for an argument."""


def _demand_known(tool: str, parameters: Mapping[str, Parameter], unknown: list[str], *, spends: bool) -> None:
    takes = f"{tool} takes {', '.join(parameters) or 'no arguments'}"
    for name in unknown:
        if meant := _meant(name, parameters):
            raise BadArguments(f"{takes}, and not {quoted(name, 40)}: call it again with {meant} in its place.")
    if unknown and spends:
        raise BadArguments(
            f"{takes}, and not {quoted(unknown[0], 40)}: a call that may spend money is made only where every argument "
            "is known. Nothing was sent or paid; call it again without that argument."
        )


def _meant(name: str, parameters: Mapping[str, Parameter]) -> str:
    """The argument that an unknown name probably means; empty if there is none."""
    from difflib import get_close_matches  # noqa: PLC0415  # a name that is wrong is worth the time to load it

    words = [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Za-z][a-z]*|\d+", name[:100])]
    plain = "".join(words)
    spelt = [own for own in parameters if plain == own.replace("_", "") or {own, own.rstrip("s")} & {*words}]
    called = [own for own in parameters if _SYNONYMS.get(own, set()) & {plain, *words[-1:]}]
    return next(iter((*spelt, *called, *get_close_matches(plain, parameters, 1, 0.75))), "")


def _read(name: str, parameter: Parameter, value: object) -> object:
    """The value, or None if it means that the argument is left out. Raises BadArguments."""
    kind = parameter.annotation
    one = value[0] if isinstance(value, list) and len(value) == 1 and get_origin(kind) is not list else value
    if one is None or _is_left_out(one, parameter):
        return None
    read = _reader(name, kind)(one)
    if read is None:
        raise BadArguments(
            f"{name} must be {_wanted(name, parameter)}; {quoted(_shown(value), 80)} came. Nothing was sent."
        )
    return read


def _is_left_out(value: object, parameter: Parameter) -> bool:
    """True for an empty text, or for a word such as "none" if no text is wanted."""
    if parameter.default is Parameter.empty or not isinstance(value, str):
        return False
    word = value.strip().lower()
    return not word or (parameter.annotation is not str and word in {"null", "none", "undefined"})


def _reader(name: str, kind: object) -> Callable[[object], object]:
    if name in _PATHS:
        return _paths if get_origin(kind) is list else _path
    if get_origin(kind) is Literal:
        return lambda value: _choice(value, get_args(kind))
    return _READERS[kind]


def _text(value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return _unquoted(str(int(value)) if isinstance(value, float) and value.is_integer() else str(value))


def _number(value: object) -> int | None:
    if isinstance(value, str):
        found = re.fullmatch(r"([+-]?\d{1,15})(?:\.0*)?(?:\s*px)?", value.strip(), re.ASCII | re.IGNORECASE)
        return int(found[1]) if found else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if value == value and abs(value) < 10**15 and int(value) == value else None  # noqa: PLR0124  # NaN


_TRUTH = dict.fromkeys(("true", "yes", "on", "1"), True) | dict.fromkeys(("false", "no", "off", "0"), False)


def _truth(value: object) -> bool | None:
    number = _number(value) if not isinstance(value, bool | str) else value
    return _TRUTH.get(str(number).strip().lower())


def _choice(value: object, choices: tuple[str, ...]) -> str | None:
    word = _unquoted(str(value)).strip().lower()
    return word if word in choices else None


_PATHS = {"path", "paths", "out"}
# Escapes as in a shell, or as a terminal writes the name of a dropped file.
_ESCAPED = re.compile(r"\\([ ()'\"&])")


def _path(value: object) -> str | None:
    """Without surrounding quotes, a shell's backslashes, and any text before a full path."""
    if not isinstance(value, str):
        return None
    text, bare = _unquoted(value.strip("\r\n")), value.strip()
    text = bare if bare.startswith(("/", "~")) else text
    return _ESCAPED.sub(r"\1", text) if os.sep == "/" else text


def _unquoted(text: str) -> str:
    bare = text.strip()
    return bare[1:-1] if len(bare) > 2 and bare[0] == bare[-1] and bare[0] in "'\"`" else text


def _paths(value: object) -> list[str] | None:
    items = _listed(value)
    read = [_path(item) for item in items if item is not None]
    return None if None in read else [item for item in read if item]


def _listed(value: object) -> list[object]:
    if isinstance(value, list):
        return value
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            parsed = json.loads(value)
        except (ValueError, RecursionError):
            return [value]  # a name may begin so
        return parsed if isinstance(parsed, list) else [value]
    return [value]


_READERS: dict[object, Callable[[object], object]] = {str: _text, int: _number, bool: _truth}


def _wanted(name: str, parameter: Parameter) -> str:
    kind = parameter.annotation
    if get_origin(kind) is Literal:
        return " or ".join(f'"{choice}"' for choice in get_args(kind))
    if name in _PATHS:
        return {
            "path": "the path of one file on this machine, as a text",
            "paths": 'a list of paths or patterns, such as ["shots/*.png"]',
            "out": "the path of the file to write, as a text",
        }[name]
    return {str: "a text", int: "a whole number, such as 600", bool: "true or false"}[kind]


def _shown(value: object) -> str:
    try:
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        return type(value).__name__
