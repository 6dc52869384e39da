"""What a host keeps and whom it serves, for the person who runs it."""

import argparse
import json
import sys
from datetime import datetime
from importlib import import_module

from img402_mcp.cli.admin.context import Entry, Things, Work, opened
from img402_mcp.host.apis import APIS

SUMMARY = "Look after this host's images; say who may use its other APIs, and for what fee."

_COMMON: dict[str, Entry] = {
    # Suppressed: it may also stand before `admin`, and must not be forgotten for a default then.
    "--data": {"metavar": "DIR", "help": "the host's data folder", "default": argparse.SUPPRESS},
    "--json": {"action": "store_true", "help": "print JSON, for scripts"},
}


def things() -> Things:
    tables: list[Things] = [import_module(f"img402_mcp.cli.admin.{name}").THINGS for name in ("images", *APIS)]
    return {thing: actions for table in tables for thing, actions in table.items()}


def add_flags(parser: argparse.ArgumentParser) -> None:
    parsers = parser.add_subparsers(metavar="THING", required=True)
    for thing, actions in things().items():
        verbs = parsers.add_parser(thing).add_subparsers(metavar="ACTION", required=True)
        for verb, (work, arguments) in actions.items():
            subparser = verbs.add_parser(verb)
            for name, options in {**arguments, **_COMMON}.items():
                subparser.add_argument(name, **options)
            subparser.set_defaults(work=work)


def run(flags: argparse.Namespace) -> int:
    work: Work = flags.work
    with opened(flags.data) as context:
        found = work(context, flags)
    _print(found, as_json=flags.json)
    return int(any(_is_amiss(entry) for entry in found) if isinstance(found, list) else False)


def _is_amiss(entry: Entry) -> bool:
    return "fault" in entry or entry.get("deleted") is False


def _print(found: Entry | list[Entry], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(found, default=_moment))
        return
    for entry in [found] if isinstance(found, dict) else found:
        print("  ".join(f"{name}={_word(value)}" for name, value in entry.items()))
    if isinstance(found, dict) and found.keys() & {"key", "token"}:
        print("It is shown this once; the host keeps its hash alone.", file=sys.stderr)


def _moment(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds").replace("+00:00", "Z")
    raise TypeError(value)


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None else _moment(value) if isinstance(value, datetime) else str(value)
