"""Our entry in an agent's configuration: what it says, and what of it may be shown.

Entries hold keys. Of what others wrote only names are shown, and a value only where it is one that we write.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import ndiff
from pathlib import Path
from typing import Any

from img402_mcp.client.files.roots import existing_folder
from img402_mcp.client.settings.folders import VARIABLE, listed_folders, named_folders, why_not_allowed
from img402_mcp.client.settings.names import CLIENT_VARIABLES
from img402_mcp.client.settings.read import client_settings
from img402_mcp.client.settings.variables import file_path
from img402_mcp.errors import SettingsError, printable, quoted
from img402_mcp.variable_names import shown

MEMBERS = frozenset({"type", "command", "args", "env"})
"""Of an entry that we write."""
_SECRET = ("KEY", "PASSWORD", "TOKEN")
_FILES = ("IMG402_WALLET_FILE", "IMG402_WALLET_PASSWORD_FILE")
_ADDRESSES_WITH_KEYS = re.compile(r"//[^/]*@|[?#]|/(?=[\w-]*\d)[\w-]{16,}(?:/|$)")
"""A user, a query, or a part of the path that has a digit and the length of a key."""
_NOT_SHOWN = "…"
_SHOWN = 300
_MOST_LINES = 200


@dataclass(frozen=True)
class Entry:
    """`command` is the program and its arguments."""

    command: Sequence[str]
    environ: Mapping[str, str] = field(default_factory=dict)

    def as_json(self, *, typed: bool = False) -> dict[str, Any]:
        """`typed`: the agent wants to read that it is started and not asked over HTTP."""
        kind = {"type": "stdio"} if typed else {}
        environ = {"env": dict(self.environ)} if self.environ else {}
        return {**kind, "command": self.command[0], "args": [*self.command[1:]], **environ}

    def changes(self, there: Mapping[str, Any], *, typed: bool = False) -> Iterator[tuple[Sequence[str], object]]:
        """The members of an entry that is there to set, and their values. The others stay as they are."""
        for key, value in self.as_json(typed=typed or "type" in there).items():
            if key == "env":
                yield from (((key, name), text) for name, text in self.environ.items())
            elif value or there.get(key):
                yield (key,), value


def environment(folders: Sequence[str], assignments: Sequence[str]) -> dict[str, str]:
    """The entry's variables. Raises SettingsError for a secret, and for what the server would refuse."""
    found = dict(_assigned(text) for text in assignments)
    if folders:
        found[VARIABLE] = _joined("--allow-dir", named_folders("--allow-dir", folders))
    elif listed := listed_folders(found):
        found[VARIABLE] = _joined(VARIABLE, listed)
    client_settings(found)
    return found


def is_plain(entry: Mapping[str, Any]) -> bool:
    """It could be ours as it is: nobody has added a member, a secret, or a variable of another program."""
    names = entry.get("env") or {}
    if not isinstance(names, dict) or not {*entry} <= MEMBERS:
        return False
    return {*names} <= CLIENT_VARIABLES.known and not any(map(_is_secret, names))


def _assigned(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise SettingsError(f"--env needs NAME=VALUE; {shown(name)} has no equals sign.")
    if _is_secret(name) or (name == "IMG402_RPC_URL" and _ADDRESSES_WITH_KEYS.search(value)):
        raise SettingsError(
            f"{shown(name)} holds a secret, and an agent's configuration is read by many programs, so it is not "
            "written there. For a wallet set IMG402_WALLET_FILE and IMG402_WALLET_PASSWORD_FILE, which name files. Set "
            "another secret in the environment that starts the agent."
        )
    if name not in CLIENT_VARIABLES.known:
        raise SettingsError(CLIENT_VARIABLES.fault(name))
    return name, _absolute(name, value)


def _is_secret(name: str) -> bool:
    return any(word in name.upper() for word in _SECRET) and not name.endswith("_FILE")


def _absolute(name: str, value: str) -> str:
    """An agent starts the server in another folder. The value is not shown: it may be what the file should hold."""
    if not value or name not in {*_FILES, "IMG402_STATE_DIR"}:
        return value
    path = os.path.abspath(file_path(value, name))  # noqa: PTH100  # a link is kept
    if name in _FILES and not os.path.isfile(path):  # noqa: PTH113  # it takes any text, also what is no path
        raise SettingsError(f"{name} does not name a file that exists. Give the file's path, not what is in the file.")
    return path


def _joined(setting: str, names: Sequence[Path]) -> str:
    folders = [existing_folder(folder, setting) for folder in names]
    for folder in folders:
        if reason := why_not_allowed(folder):
            raise SettingsError(
                f"{quoted(str(folder))} {reason}, so it is not allowed as a whole. Name a folder in it."
            )
    joined = os.pathsep.join(map(str, folders))
    if listed_folders({VARIABLE: joined}) != tuple(folders):
        raise SettingsError(f"{VARIABLE} cannot hold {quoted(joined)}. Give the folder a name without {os.pathsep!r}.")
    return joined


def suggested_folders(home: Path, screenshots: Path | None) -> list[Path]:
    """`screenshots`: where this system keeps them."""
    usual = (home / name for name in ("Pictures/Screenshots", "Screenshots", "Pictures", "Desktop"))
    found = (folder.resolve() for folder in (screenshots, *usual) if folder and folder.is_dir())
    return [folder for folder in dict.fromkeys(found) if not why_not_allowed(folder)]


def difference(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None, ours: Mapping[str, Any]) -> list[str]:
    """The lines that go and that come, as `diff` marks them."""
    lines = ndiff(_lines(before, ours), _lines(after, ours))
    return [line for line in lines if not line.startswith("?")]


def _lines(entry: Mapping[str, Any] | None, ours: Mapping[str, Any]) -> list[str]:
    if entry is None:
        return []
    members = {key: _without_secrets(key, value, ours) for key, value in entry.items()}
    text = json.dumps({"img402": members}, indent=2, ensure_ascii=False)
    return [printable(line) for line in text.split("\n")[1:-1][:_MOST_LINES]]


def _without_secrets(key: str, value: object, ours: Mapping[str, Any]) -> object:
    if key in {"command", "type"} and isinstance(value, str):
        return value if len(value) <= _SHOWN else value[:_SHOWN] + _NOT_SHOWN
    if key == "env" and isinstance(value, dict):
        known = {VARIABLE, *ours.get("env", {})}
        return {name: text if name in known and isinstance(text, str) else _NOT_SHOWN for name, text in value.items()}
    return value if not value or value == ours.get(key) else _NOT_SHOWN
