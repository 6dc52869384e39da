"""One member of a JSON file is set or removed. Everything else keeps its bytes: comments, order, spaces, line ends.

Python's own parser judges the text, after comments and trailing commas have become spaces, so that positions stay. Then
only the objects on the way to the member are walked. What cannot be done is an error of that parser, with its place.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

Path = Sequence[str]

_NO_OBJECT = "an object belongs here"
_SPACE = " \t\r\n"
# What does not end is taken to the end of the text: to look for its end again from each mark in it would be quadratic.
_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\Z)'
_COMMENT = re.compile(rf"{_STRING}|//[^\r\n]*|/\*.*?(?:\*/|\Z)", re.DOTALL)
_TRAILING = re.compile(rf'{_STRING}|(?<=[\w"\]}}])[ \t\r\n]*,(?=[ \t\r\n]*[\]}}])', re.DOTALL)
_TOKEN = re.compile(rf"{_STRING}|[{{}}\[\]:,]", re.DOTALL)


@dataclass(frozen=True)
class _Member:
    """Offsets in the text. `comma`: of the one that follows, or -1."""

    key: str
    start: int
    value: int
    end: int
    comma: int


@dataclass(frozen=True)
class _Object:
    start: int
    """Of its opening brace."""
    end: int
    """Of its closing brace."""
    members: tuple[_Member, ...]

    def member(self, key: str, text: str) -> _Member | None:
        found = [each for each in self.members if each.key == key]
        if len(found) > 1:
            raise json.JSONDecodeError(f'"{key}" is there twice', text, found[1].start)
        return found[0] if found else None


def parsed(text: str, *, comments: bool = True) -> Any:  # noqa: ANN401  # whatever JSON holds
    """The value; None for a text without one. Brackets without end are a RecursionError of Python's parser."""
    plain = _without_comments(text) if comments else text
    if comments:
        plain = _TRAILING.sub(_blank, plain)
    if not plain.strip(_SPACE):
        return None
    try:
        return json.loads(plain, parse_constant=lambda name: _no_constant(name, plain), parse_int=float)
    except json.JSONDecodeError as error:
        raise json.JSONDecodeError(error.msg, text, error.pos) from None


def with_member(text: str, path: Path, value: object, *, comments: bool = True) -> str:
    """Sets the value. Objects on the way are added where they are missing or null, and an object replaces no other."""
    parsed(text, comments=comments)
    plain = _without_comments(text)
    if not plain.strip(_SPACE):
        gap = "" if not text or text[-1] in "\r\n" else _eol(text)
        return f"{text}{gap}{_written(_nested(path, value), text, '')}{_eol(text)}"
    at = len(plain) - len(plain.lstrip(_SPACE))
    for depth, key in enumerate(path, 1):
        inside = _object(plain, at)
        member = inside.member(key, text)
        wanted = _nested(path[depth:], value)
        if member is None:
            return _inserted(text, plain, inside, key, wanted)
        there = plain[member.value : member.end]
        if there == "null" or not isinstance(wanted, dict):
            return text if parsed(there) == wanted else _replaced(text, inside, member, wanted)
        at = member.value
    reason = "it is there already" if plain[at] == "{" else _NO_OBJECT
    raise json.JSONDecodeError(reason, text, at)


def without_member(text: str, path: Path, *, comments: bool = True) -> str:
    """The text itself if there is no such member."""
    parsed(text, comments=comments)
    plain = _without_comments(text)
    at = len(plain) - len(plain.lstrip(_SPACE))
    member = None
    for key in path:
        if plain[at : at + 1] != "{":
            return text
        inside = _object(plain, at)
        if (member := inside.member(key, text)) is None:
            return text
        at = member.value
    return _removed(text, plain, inside, member) if member else text


def _object(plain: str, start: int) -> _Object:
    if plain[start] != "{":
        raise json.JSONDecodeError(_NO_OBJECT, plain, start)
    depth, members, key, value = 0, [], None, 0
    for token in _TOKEN.finditer(plain, start):
        mark, at = token[0], token.start()
        depth += (mark in "{[") - (mark in "}]")
        if depth == 1 and mark[0] == '"' and key is None:
            key = token
        elif depth == 1 and mark == ":":
            value = at + 1
        elif key and ((depth == 1 and mark == ",") or depth == 0):
            members.append(_member(plain, key, value, at, comma=mark == ","))
            key = None
        if depth == 0:
            return _Object(start, at, tuple(members))
    raise json.JSONDecodeError("it does not end", plain, start)


def _member(plain: str, key: re.Match[str], colon: int, stop: int, *, comma: bool) -> _Member:
    around = plain[colon:stop]
    value = stop - len(around.lstrip(_SPACE))
    end = colon + len(around.rstrip(_SPACE))
    return _Member(json.loads(key[0]), key.start(), value, end, stop if comma else -1)


def _inserted(text: str, plain: str, inside: _Object, key: str, value: object) -> str:
    last = inside.members[-1] if inside.members else None
    comma = "," if last and last.comma >= 0 else ""
    if _is_on_one_line(text, plain, inside):
        at = max(last.end, last.comma + 1) if last else inside.start + 1
        gap = "" if last is None else " " if comma else ", "
        return f"{text[:at]}{gap}{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}{comma}{text[at:]}"
    eol, outer = _eol(text), _indent(text, inside.start)
    indent = _indent(text, last.start) if last else outer + _unit(text)
    at = len(text[: inside.end].rstrip(_SPACE))  # after a comment that follows the last member
    closing = text[at : inside.end]
    if last is None and not {"\n", "\r"} & {*closing}:
        closing = eol + outer
    added = f"{eol}{indent}{json.dumps(key)}: {_written(value, text, indent)}{comma}{closing}"
    before = text[:at] if last is None or comma else f"{text[: last.end]},{text[last.end : at]}"
    return before + added + text[inside.end :]


def _replaced(text: str, inside: _Object, member: _Member, value: object) -> str:
    is_inline = _is_on_one_line(text, text, inside)
    new = json.dumps(value, ensure_ascii=False) if is_inline else _written(value, text, _indent(text, member.start))
    return text[: member.value] + new + text[member.end :]


def _removed(text: str, plain: str, inside: _Object, member: _Member) -> str:
    place = inside.members.index(member)
    start, end = member.start, max(member.end, member.comma + 1)
    lead = len(text[:start].rstrip(" \t"))
    rest = len(text[end:]) - len(text[end:].lstrip(" \t"))
    if text[lead - 1] not in "\r\n":
        start, end = (lead, end) if place else (start, end + rest)
    elif text[end + rest] in "\r\n" or (end + rest == inside.end and _ends_without_comment(plain, lead)):
        start = lead - (2 if text[lead - 2 : lead] == "\r\n" else 1)
    else:
        end += rest
    before = text[:start]
    if place and place == len(inside.members) - 1 and member.comma < 0:
        comma = inside.members[place - 1].comma
        before = text[:comma] + text[comma + 1 : start]
    return before + text[end:]


def _ends_without_comment(plain: str, at: int) -> bool:
    """The line before that place, so that more can be put behind it."""
    before = plain[:at].rstrip("\r\n")
    return before == before.rstrip(" \t")


def _is_on_one_line(text: str, plain: str, inside: _Object) -> bool:
    """An object without members is as the one around it."""
    if inside.members:
        return not {"\n", "\r"} & {*text[inside.start : inside.members[0].start]}
    return "{" in plain[_line(text, inside.start) : inside.start]


def _without_comments(text: str) -> str:
    return _COMMENT.sub(_blank, text)


def _blank(found: re.Match[str]) -> str:
    """A string stays, what else was found becomes spaces."""
    if found[0][0] == '"':
        return found[0]
    if found[0].startswith("/*") and not found[0].endswith("*/", 2):
        raise json.JSONDecodeError("this comment does not end", found.string, found.start())
    return re.sub(r"[^\r\n]", " ", found[0])


def _nested(path: Path, value: object) -> object:
    for key in reversed(path):
        value = {key: value}
    return value


def _written(value: object, text: str, indent: str) -> str:
    lines = json.dumps(value, ensure_ascii=False, indent=_unit(text)).split("\n")
    return f"{_eol(text)}{indent}".join(lines)


def _eol(text: str) -> str:
    found = re.search(r"\r\n|\n|\r", text)
    return found[0] if found else "\n"


def _unit(text: str) -> str:
    """One step of indentation: what the first indented line has."""
    found = re.search(r'^[ \t]+(?=["\]}])', text, re.MULTILINE)
    return found[0] if found else "  "


def _indent(text: str, at: int) -> str:
    line = text[_line(text, at) : at]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _line(text: str, at: int) -> int:
    """Where the line of that place begins."""
    return max(text.rfind("\n", 0, at), text.rfind("\r", 0, at)) + 1


def _no_constant(name: str, plain: str) -> NoReturn:
    """NaN and Infinity, which Python's parser takes."""
    places = (each.start() for each in re.finditer(rf"{_STRING}|{name}", plain) if each[0][0] != '"')
    raise json.JSONDecodeError(f"{name} is not a value of JSON", plain, next(places))
