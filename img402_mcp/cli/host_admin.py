"""Manages a host's images and accounts, for the person who runs it."""

import json
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from importlib import import_module

import click

from img402_mcp.cli.admin.context import Actions, Admin, Entry, opened
from img402_mcp.cli.parameters import Command, Group, folders
from img402_mcp.errors import SettingsError, quoted
from img402_mcp.host.apis import APIS
from img402_mcp.wire.moments import in_utc

_COMMON: list[click.Parameter] = [
    click.Option(["--data"], metavar="DIR", shell_complete=folders, help="The host's data folder."),
    click.Option(["--json", "as_json"], is_flag=True, help="Print JSON, for scripts."),
]


def things() -> dict[str, click.Command]:
    """Thing -> its group of commands."""
    tables = [import_module(f"img402_mcp.cli.admin.{name}") for name in ("images", *APIS)]
    return {thing: _group(thing, table.admin, table.THINGS[thing]) for table in tables for thing in table.THINGS}


def group() -> click.Group:
    """`host admin`, with a group for each thing and a command for each action."""
    about = "Manage this host's images. Set who may use its other APIs, and for what fee."
    return Group("admin", help=about, commands=things())


def _group(thing: str, admin: Admin, actions: Actions) -> click.Group:
    verbs = [
        Command(verb, params=[*parameters, *_COMMON], callback=_performing(admin, method))
        for verb, (method, parameters) in actions.items()
    ]
    return Group(thing, commands=verbs)


def _performing(admin: Admin, method: str) -> Callable[..., int]:
    @click.pass_obj
    def perform(named_before: str | None, /, *, data: str | None, as_json: bool, **given: object) -> int:
        """The folder may also be named before `admin`."""
        _demand_text(given | {"data": data})
        with opened(data or named_before) as context:
            found = getattr(admin(context), method)(**given)
        _print(found, as_json=as_json)
        return int(any(_is_amiss(entry) for entry in found) if isinstance(found, list) else False)

    return perform


def _demand_text(given: Mapping[str, object]) -> None:
    """An argument may be any bytes, but no database accepts bytes that are not text."""
    for value in given.values():
        if isinstance(value, str) and not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError:
                raise SettingsError(f"The argument {quoted(value)} is not UTF-8 text.") from None


def _is_amiss(entry: Entry) -> bool:
    return "fault" in entry or entry.get("deleted") is False


def _print(found: Entry | list[Entry], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(found, default=_moment))
        return
    for entry in [found] if isinstance(found, dict) else found:
        print("  ".join(f"{name}={_word(value)}" for name, value in entry.items()))
    if isinstance(found, dict) and found.keys() & {"key", "token"}:
        print("It is shown only once; the host keeps only its hash.", file=sys.stderr)


def _moment(value: object) -> str:
    if isinstance(value, datetime):
        return in_utc(value)
    raise TypeError(value)


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None else _moment(value) if isinstance(value, datetime) else str(value)
