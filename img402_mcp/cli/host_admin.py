"""What a host keeps and whom it serves, for the person who runs it."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from img402_mcp.errors import SettingsError

if TYPE_CHECKING:
    from img402_mcp.host.admin.accounts import Accounts
    from img402_mcp.host.admin.images import ImagesAdmin
    from img402_mcp.host.db.database import Database
    from img402_mcp.host.settings import HostSettings

SUMMARY = "Look after this host's images; say who may use its io42 and studio APIs, and for what fee."

Entry = dict[str, Any]
Work = Callable[["AdminContext", argparse.Namespace], "Entry | list[Entry]"]


@dataclass(frozen=True)
class AdminContext:
    """An open host, as each action needs it."""

    settings: "HostSettings"
    database: "Database"

    @property
    def register(self) -> "Accounts":
        from img402_mcp.host.admin.accounts import Accounts  # noqa: PLC0415
        from img402_mcp.host.app import utc_now  # noqa: PLC0415  # an extra

        return Accounts(self.database, utc_now)

    @property
    def inventory(self) -> "ImagesAdmin":
        from img402_mcp.host.admin.images import ImagesAdmin  # noqa: PLC0415
        from img402_mcp.host.app import utc_now  # noqa: PLC0415  # an extra
        from img402_mcp.host.storage.blobs.opening import open_blobs  # noqa: PLC0415
        from img402_mcp.host.storage.images import Images  # noqa: PLC0415

        return ImagesAdmin(Images(self.database), open_blobs(self.settings.blobs, self.settings.objects), utc_now)


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
    with _opened(flags.data) as context:
        found = work(context, flags)
    _print(found, as_json=flags.json)
    return int(any(_is_amiss(entry) for entry in found) if isinstance(found, list) else False)


def _is_amiss(entry: Entry) -> bool:
    return "fault" in entry or entry.get("deleted") is False


@contextmanager
def _opened(data: str | None) -> "Iterator[AdminContext]":
    try:
        from img402_mcp.host.app import OUT_OF_REACH, unreachable  # noqa: PLC0415  # with every room that has tables
        from img402_mcp.host.db.database import Database  # noqa: PLC0415
        from img402_mcp.host.settings import host_settings  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise SettingsError(f"The host needs {error.name}: pip install 'img402-mcp[host]'.") from error
    settings = host_settings(os.environ, data=data, default_public_url="http://127.0.0.1")
    try:
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        with closing(Database(settings.database)) as database:
            yield AdminContext(settings, database)
    except OUT_OF_REACH as error:
        raise unreachable(settings, error) from error


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


def _images(context: AdminContext, told: argparse.Namespace) -> list[Entry]:
    from img402_mcp.host.admin.images import ImageFilter  # noqa: PLC0415  # an extra

    wanted = ImageFilter(told.kind, told.since, told.before, told.larger)
    return context.inventory.images(wanted, told.limit)


def _release(context: AdminContext, told: argparse.Namespace) -> Entry:
    from img402_mcp.host.admin.payments import release  # noqa: PLC0415
    from img402_mcp.host.app import utc_now  # noqa: PLC0415  # an extra

    if bool(told.paid) == told.unpaid:
        raise SettingsError("Say what became of the fee: --paid TRANSACTION or --unpaid. The chain tells.")
    return release(context.database, utc_now(), told.id, told.paid)


def _told_moment(text: str) -> datetime:
    """UTC, where no zone is named."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


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

_WANTED: dict[str, Entry] = {
    "--kind": {"choices": ("free", "paid", "private"), "help": "private: submissions and inputs"},
    "--since": {"metavar": "MOMENT", "type": _told_moment, "help": "uploaded then or later, such as 2026-02-08"},
    "--before": {"metavar": "MOMENT", "type": _told_moment, "help": "uploaded before that"},
    "--larger": {"metavar": "BYTES", "type": int, "help": "of more bytes than that"},
    "--limit": {"metavar": "N", "type": int, "default": 100, "help": "at most so many, the newest; default 100"},
}
_NAMES: dict[str, Entry] = {"names": {"metavar": "IMAGE", "nargs": "+", "help": "its id, name or address"}}
_DEEP: dict[str, Entry] = {"--deep": {"action": "store_true", "help": "read each image, and look at its structure"}}
_RELEASED: dict[str, Entry] = {
    "id": {"metavar": "SUBMISSION"},
    "--paid": {"metavar": "TRANSACTION", "help": "the transaction that paid the fee"},
    "--unpaid": {"action": "store_true", "help": "no transaction did, nor can any more"},
}

_THINGS: dict[str, dict[str, tuple[Work, dict[str, Entry]]]] = {
    "images": {
        "list": (_images, _WANTED),
        "delete": (lambda context, told: context.inventory.delete(told.names), _NAMES),
        "usage": (lambda context, _: context.inventory.usage(), {}),
        "verify": (lambda context, told: context.inventory.verify(deep=told.deep), _DEEP),
    },
    "agents": {
        "add": (lambda context, flags: context.register.add_agent(flags.name), _NAME),
        "renew": (lambda context, flags: context.register.renew_agent(flags.name), _NAME),
        "list": (lambda context, _: context.register.agents(), {}),
    },
    "projects": {
        "add": (
            lambda context, told: context.register.add_project(told.id, told.fee, told.status, told.kind),
            _PROJECT | _ADDED,
        ),
        "set": (
            lambda context, told: context.register.change_project(told.id, told.fee, told.status, told.kind),
            _PROJECT | _CHANGED,
        ),
        "list": (lambda context, _: context.register.projects(), {}),
    },
    "submissions": {
        "add": (lambda context, told: context.register.add_submission(told.id, told.project, told.agent), _SUBMISSION),
        "list": (lambda context, _: context.register.submissions(), {}),
        "release": (_release, _RELEASED),
    },
    "tokens": {
        "add": (
            lambda context, told: context.register.add_token(told.name, may_upload=told.capability == "upload"),
            _NAME | _CAPABILITY,
        ),
        "remove": (lambda context, flags: context.register.remove_token(flags.name), _NAME),
        "list": (lambda context, _: context.register.tokens(), {}),
    },
}
