from typing import TYPE_CHECKING

from img402_mcp.cli.admin.context import AdminContext, Entry, Things

if TYPE_CHECKING:
    from img402_mcp.host.apis.studio.accounts import StudioAccounts


def _accounts(context: AdminContext) -> "StudioAccounts":
    from img402_mcp.host.apis.studio.accounts import StudioAccounts  # noqa: PLC0415
    from img402_mcp.host.app import utc_now  # noqa: PLC0415  # an extra

    return StudioAccounts(context.database, utc_now)


_NAME: dict[str, Entry] = {"name": {"metavar": "NAME"}}
_CAPABILITY: dict[str, Entry] = {
    "--capability": {"choices": ("upload", "none"), "default": "upload", "help": "what the token is good for"}
}

THINGS: Things = {
    "tokens": {
        "add": (
            lambda context, flags: _accounts(context).add_token(flags.name, may_upload=flags.capability == "upload"),
            _NAME | _CAPABILITY,
        ),
        "remove": (lambda context, flags: _accounts(context).remove_token(flags.name), _NAME),
        "list": (lambda context, _: _accounts(context).tokens(), {}),
    },
}
