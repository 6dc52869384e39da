"""Manages a host's images and accounts, for the person who runs it."""

import json
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from importlib import import_module
from types import SimpleNamespace as Flags

import click

from img402_mcp.cli.admin.context import Entry, Things, Work, opened
from img402_mcp.cli.help import Command, Group
from img402_mcp.cli.parameters import folders
from img402_mcp.errors import SettingsError, quoted
from img402_mcp.host.apis import APIS
from img402_mcp.wire.moments import in_utc

_COMMON: list[click.Parameter] = [
    click.Option(["--data"], metavar="DIR", shell_complete=folders, help="The host's data folder."),
    click.Option(["--json"], is_flag=True, help="Print JSON, for scripts."),
]


def things() -> Things:
    tables: list[Things] = [import_module(f"img402_mcp.cli.admin.{name}").THINGS for name in ("images", *APIS)]
    return {thing: actions for table in tables for thing, actions in table.items()}


def group() -> click.Group:
    """`host admin`, with a group for each thing and a command for each action."""
    admin = Group("admin", help="Manage this host's images. Set who may use its other APIs, and for what fee.")
    for thing, actions in things().items():
        verbs = [
            Command(verb, params=[*parameters, *_COMMON], callback=_performing(work))
            for verb, (work, parameters) in actions.items()
        ]
        admin.add_command(Group(thing, commands=verbs))
    return admin


def _performing(work: Work) -> Callable[..., int]:
    @click.pass_obj
    def perform(named_before: str | None, /, **flags: object) -> int:
        """The folder may also be named before `admin`."""
        _demand_text(flags)
        given = Flags(**flags)
        with opened(given.data or named_before) as context:
            found = work(context, given)
        _print(found, as_json=given.json)
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
