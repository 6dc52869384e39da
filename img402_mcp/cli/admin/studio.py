from typing import TYPE_CHECKING

import click

from img402_mcp.cli.admin.context import AdminContext, Things

if TYPE_CHECKING:
    from img402_mcp.host.apis.studio.accounts import StudioAccounts


def _accounts(context: AdminContext) -> "StudioAccounts":
    from img402_mcp.host.apis.studio.accounts import StudioAccounts  # noqa: PLC0415
    from img402_mcp.host.app import utc_now  # noqa: PLC0415  # an extra

    return StudioAccounts(context.database, utc_now)


_NAME = click.Argument(["name"], metavar="NAME")
_CAPABILITY = click.Option(
    ["--capability"],
    type=click.Choice(["upload", "none"]),
    default="upload",
    show_default=True,
    help="What the token allows.",
)

THINGS: Things = {
    "tokens": {
        "add": (
            lambda context, flags: _accounts(context).add_token(flags.name, may_upload=flags.capability == "upload"),
            [_NAME, _CAPABILITY],
        ),
        "remove": (lambda context, flags: _accounts(context).remove_token(flags.name), [_NAME]),
        "list": (lambda context, _: _accounts(context).tokens(), []),
    },
}
