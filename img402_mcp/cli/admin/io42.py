from typing import TYPE_CHECKING

import click

from img402_mcp.cli.admin.context import AdminContext, Things

if TYPE_CHECKING:
    from img402_mcp.host.apis.io42.accounts import Io42Accounts


def admin(context: AdminContext) -> "Io42Accounts":
    from img402_mcp.host.apis.io42.accounts import Io42Accounts  # noqa: PLC0415  # an extra

    return Io42Accounts(context.database, context.now)


def _options(fee: str | None, status: str | None, kind: str | None) -> list[click.Parameter]:
    """The options of a project, with these defaults."""
    helps = (
        ("--fee", fee, "USDC", "The entry fee. 0 means none."),
        ("--status", status, "STATUS", "open accepts submissions; any other word closes it."),
        ("--kind", kind, "KIND", "image. Projects of any other kind accept no submissions."),
    )
    return [click.Option([name], default=value, metavar=shown, help=said) for name, value, shown, said in helps]


_NAME = click.Argument(["name"], metavar="NAME")
_PROJECT = click.Argument(["project_id"], metavar="PROJECT")
_ID = click.Argument(["submission_id"], metavar="SUBMISSION")
_SUBMISSION: list[click.Parameter] = [
    _ID,
    click.Option(["--project", "project_id"], required=True, metavar="PROJECT"),
    click.Option(["--agent"], required=True, metavar="NAME"),
]
_RELEASED: list[click.Parameter] = [
    _ID,
    click.Option(["--paid"], metavar="TRANSACTION", help="The transaction that paid the fee."),
    click.Option(["--unpaid"], is_flag=True, help="It was not paid, and no transaction can pay it any more."),
]

THINGS: Things = {
    "agents": {
        "add": ("add_agent", [_NAME]),
        "renew": ("renew_agent", [_NAME]),
        "list": ("agents", []),
    },
    "projects": {
        "add": ("add_project", [_PROJECT, *_options("0", "open", "image")]),
        "set": ("change_project", [_PROJECT, *_options(None, None, None)]),
        "list": ("projects", []),
    },
    "submissions": {
        "add": ("add_submission", _SUBMISSION),
        "list": ("submissions", []),
        "release": ("release", _RELEASED),
    },
}
