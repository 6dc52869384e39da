from types import SimpleNamespace as Flags
from typing import TYPE_CHECKING

import click

from img402_mcp.cli.admin.context import AdminContext, Entry, Things
from img402_mcp.errors import SettingsError

if TYPE_CHECKING:
    from img402_mcp.host.apis.io42.accounts import Io42Accounts


def _accounts(context: AdminContext) -> "Io42Accounts":
    from img402_mcp.host.apis.io42.accounts import Io42Accounts  # noqa: PLC0415
    from img402_mcp.host.app import utc_now  # noqa: PLC0415  # an extra

    return Io42Accounts(context.database, utc_now)


def _release(context: AdminContext, flags: Flags) -> Entry:
    from img402_mcp.host.apis.io42.release import release  # noqa: PLC0415
    from img402_mcp.host.app import utc_now  # noqa: PLC0415  # an extra

    if bool(flags.paid) == flags.unpaid:
        raise SettingsError("Give the outcome of the fee, as the chain shows it: --paid TRANSACTION or --unpaid.")
    return release(context.database, utc_now(), flags.id, flags.paid)


def _options(fee: str | None, status: str | None, kind: str | None) -> list[click.Parameter]:
    """The options of a project, with these defaults."""
    helps = (
        ("--fee", fee, "USDC", "The entry fee. 0 means none."),
        ("--status", status, "STATUS", "open, or any other word to close it for submissions."),
        ("--kind", kind, "KIND", "image; a project of any other kind takes none."),
    )
    return [click.Option([name], default=value, metavar=shown, help=said) for name, value, shown, said in helps]


_NAME = click.Argument(["name"], metavar="NAME")
_PROJECT = click.Argument(["id"], metavar="PROJECT")
_ID = click.Argument(["id"], metavar="SUBMISSION")
_SUBMISSION: list[click.Parameter] = [
    _ID,
    click.Option(["--project"], required=True, metavar="PROJECT"),
    click.Option(["--agent"], required=True, metavar="NAME"),
]
_RELEASED: list[click.Parameter] = [
    _ID,
    click.Option(["--paid"], metavar="TRANSACTION", help="The transaction that paid the fee."),
    click.Option(["--unpaid"], is_flag=True, help="No transaction paid it, and none still can."),
]

THINGS: Things = {
    "agents": {
        "add": (lambda context, flags: _accounts(context).add_agent(flags.name), [_NAME]),
        "renew": (lambda context, flags: _accounts(context).renew_agent(flags.name), [_NAME]),
        "list": (lambda context, _: _accounts(context).agents(), []),
    },
    "projects": {
        "add": (
            lambda context, flags: _accounts(context).add_project(flags.id, flags.fee, flags.status, flags.kind),
            [_PROJECT, *_options("0", "open", "image")],
        ),
        "set": (
            lambda context, flags: _accounts(context).change_project(flags.id, flags.fee, flags.status, flags.kind),
            [_PROJECT, *_options(None, None, None)],
        ),
        "list": (lambda context, _: _accounts(context).projects(), []),
    },
    "submissions": {
        "add": (
            lambda context, flags: _accounts(context).add_submission(flags.id, flags.project, flags.agent),
            _SUBMISSION,
        ),
        "list": (lambda context, _: _accounts(context).submissions(), []),
        "release": (_release, _RELEASED),
    },
}
