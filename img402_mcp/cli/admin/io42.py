import argparse
from typing import TYPE_CHECKING

from img402_mcp.cli.admin.context import AdminContext, Entry, Things
from img402_mcp.errors import SettingsError

if TYPE_CHECKING:
    from img402_mcp.host.apis.io42.accounts import Io42Accounts


def _accounts(context: AdminContext) -> "Io42Accounts":
    from img402_mcp.host.apis.io42.accounts import Io42Accounts  # noqa: PLC0415
    from img402_mcp.host.app import utc_now  # noqa: PLC0415  # an extra

    return Io42Accounts(context.database, utc_now)


def _release(context: AdminContext, flags: argparse.Namespace) -> Entry:
    from img402_mcp.host.apis.io42.release import release  # noqa: PLC0415
    from img402_mcp.host.app import utc_now  # noqa: PLC0415  # an extra

    if bool(flags.paid) == flags.unpaid:
        raise SettingsError("Say what became of the fee: --paid TRANSACTION or --unpaid. The chain tells.")
    return release(context.database, utc_now(), flags.id, flags.paid)


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
_RELEASED: dict[str, Entry] = {
    "id": {"metavar": "SUBMISSION"},
    "--paid": {"metavar": "TRANSACTION", "help": "the transaction that paid the fee"},
    "--unpaid": {"action": "store_true", "help": "no transaction did, nor can any more"},
}

THINGS: Things = {
    "agents": {
        "add": (lambda context, flags: _accounts(context).add_agent(flags.name), _NAME),
        "renew": (lambda context, flags: _accounts(context).renew_agent(flags.name), _NAME),
        "list": (lambda context, _: _accounts(context).agents(), {}),
    },
    "projects": {
        "add": (
            lambda context, flags: _accounts(context).add_project(flags.id, flags.fee, flags.status, flags.kind),
            _PROJECT | _ADDED,
        ),
        "set": (
            lambda context, flags: _accounts(context).change_project(flags.id, flags.fee, flags.status, flags.kind),
            _PROJECT | _CHANGED,
        ),
        "list": (lambda context, _: _accounts(context).projects(), {}),
    },
    "submissions": {
        "add": (
            lambda context, flags: _accounts(context).add_submission(flags.id, flags.project, flags.agent),
            _SUBMISSION,
        ),
        "list": (lambda context, _: _accounts(context).submissions(), {}),
        "release": (_release, _RELEASED),
    },
}
