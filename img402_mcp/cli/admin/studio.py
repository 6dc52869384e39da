from typing import TYPE_CHECKING

import click

from img402_mcp.cli.admin.context import AdminContext, Things

if TYPE_CHECKING:
    from img402_mcp.host.apis.studio.accounts import StudioAccounts


def admin(context: AdminContext) -> "StudioAccounts":
    from img402_mcp.host.apis.studio.accounts import StudioAccounts  # noqa: PLC0415  # an extra

    return StudioAccounts(context.database, context.now)


_NAME = click.Argument(["name"], metavar="NAME")
_CAPABILITY = click.Option(
    ["--capability", "may_upload"],
    type=click.Choice(["upload", "none"]),
    default="upload",
    show_default=True,
    callback=lambda _context, _option, value: value == "upload",
    help="What the token allows.",
)

THINGS: Things = {
    "tokens": {
        "add": ("add_token", [_NAME, _CAPABILITY]),
        "remove": ("remove_token", [_NAME]),
        "list": ("tokens", []),
    },
}
