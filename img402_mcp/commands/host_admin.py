"""Agents, projects, submissions and tokens of a host, for the person who runs it."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from img402_mcp.errors import SettingsError

if TYPE_CHECKING:
    from img402_mcp.host.register import Register

SUMMARY = "Say who may use the io42 and studio APIs of this host, and for what fee."

Entry = dict[str, Any]
Work = Callable[["Register", argparse.Namespace], "Entry | list[Entry]"]


def add_flags(parser: argparse.ArgumentParser) -> None:
    things = parser.add_subparsers(metavar="THING", required=True)
    for thing, actions in _THINGS.items():
        verbs = things.add_parser(thing).add_subparsers(metavar="ACTION", required=True)
        for verb, (work, arguments) in actions.items():
            subparser = verbs.add_parser(verb)
            for name, options in {**arguments, **_COMMON}.items():
                subparser.add_argument(name, **options)
            subparser.set_defaults(work=work)


def run(flags: argparse.Namespace) -> int:
    work: Work = flags.work
    with _opened(flags.data) as register:
        found = work(register, flags)
    _print(found, as_json=flags.json)
    return 0


@contextmanager
def _opened(data: str | None) -> "Iterator[Register]":
    try:
        from img402_mcp.host.app import utc_now  # noqa: PLC0415  # an extra
        from img402_mcp.host.index import Index  # noqa: PLC0415
        from img402_mcp.host.register import Register  # noqa: PLC0415
        from img402_mcp.host.settings import host_settings  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise SettingsError(f"The host needs {error.name}: pip install 'img402-mcp[host]'.") from error
    settings = host_settings(os.environ, data=data, default_public_url="http://127.0.0.1")
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    index = Index(settings.database)
    try:
        yield Register(index, utc_now)
    finally:
        index.close()


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


_COMMON: dict[str, Entry] = {
    # Suppressed: it may also stand before `admin`, and must not be forgotten for a default then.
    "--data": {"metavar": "DIR", "help": "the host's data folder", "default": argparse.SUPPRESS},
    "--json": {"action": "store_true", "help": "print JSON, for scripts"},
}
_NAME: dict[str, Entry] = {"name": {"metavar": "NAME"}}
_PROJECT: dict[str, Entry] = {"id": {"metavar": "PROJECT"}}
_FEE = {"metavar": "USDC", "help": "the entry fee; 0: none"}
_STATUS = {"metavar": "STATUS", "help": "open, or any other word while it takes no submissions"}
_KIND = {"metavar": "KIND", "help": "image; a project of any other kind takes none"}
_ADDED = {
    "--fee": _FEE | {"default": "0"},
    "--status": _STATUS | {"default": "open"},
    "--kind": _KIND | {"default": "image"},
}
_CHANGED = {"--fee": _FEE, "--status": _STATUS, "--kind": _KIND}
_SUBMISSION: dict[str, Entry] = {
    "id": {"metavar": "SUBMISSION"},
    "--project": {"required": True, "metavar": "PROJECT"},
    "--agent": {"required": True, "metavar": "NAME"},
}
_CAPABILITY: dict[str, Entry] = {
    "--capability": {"choices": ("upload", "none"), "default": "upload", "help": "what the token is good for"}
}

_THINGS: dict[str, dict[str, tuple[Work, dict[str, Entry]]]] = {
    "agents": {
        "add": (lambda register, flags: register.add_agent(flags.name), _NAME),
        "renew": (lambda register, flags: register.renew_agent(flags.name), _NAME),
        "list": (lambda register, _: register.agents(), {}),
    },
    "projects": {
        "add": (
            lambda register, told: register.add_project(told.id, told.fee, told.status, told.kind),
            _PROJECT | _ADDED,
        ),
        "set": (
            lambda register, told: register.change_project(told.id, told.fee, told.status, told.kind),
            _PROJECT | _CHANGED,
        ),
        "list": (lambda register, _: register.projects(), {}),
    },
    "submissions": {
        "add": (lambda register, told: register.add_submission(told.id, told.project, told.agent), _SUBMISSION),
        "list": (lambda register, _: register.submissions(), {}),
    },
    "tokens": {
        "add": (
            lambda register, told: register.add_token(told.name, may_upload=told.capability == "upload"),
            _NAME | _CAPABILITY,
        ),
        "remove": (lambda register, flags: register.remove_token(flags.name), _NAME),
        "list": (lambda register, _: register.tokens(), {}),
    },
}
