import argparse
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from img402_mcp.cli.admin.context import AdminContext, Entry, Things

if TYPE_CHECKING:
    from img402_mcp.host.admin.images import ImagesAdmin


def _admin(context: AdminContext) -> "ImagesAdmin":
    from img402_mcp.host.admin.images import ImagesAdmin  # noqa: PLC0415
    from img402_mcp.host.app import utc_now  # noqa: PLC0415  # an extra
    from img402_mcp.host.storage.images import Images  # noqa: PLC0415
    from img402_mcp.host.storage.opening import open_blobs  # noqa: PLC0415

    blobs = open_blobs(context.settings.blobs, context.settings.objects)
    return ImagesAdmin(Images(context.database), blobs, utc_now)


def _list(context: AdminContext, flags: argparse.Namespace) -> list[Entry]:
    from img402_mcp.host.admin.images import ImageFilter  # noqa: PLC0415  # an extra

    wanted = ImageFilter(flags.kind, flags.since, flags.before, flags.larger)
    return _admin(context).images(wanted, flags.limit)


def _moment(text: str) -> datetime:
    """UTC, where no zone is named."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


_WANTED: dict[str, Entry] = {
    "--kind": {"choices": ("free", "paid", "private"), "help": "private: submissions and inputs"},
    "--since": {"metavar": "MOMENT", "type": _moment, "help": "uploaded then or later, such as 2026-02-08"},
    "--before": {"metavar": "MOMENT", "type": _moment, "help": "uploaded before that"},
    "--larger": {"metavar": "BYTES", "type": int, "help": "of more bytes than that"},
    "--limit": {"metavar": "N", "type": int, "default": 100, "help": "at most so many, the newest; default 100"},
}
_NAMES: dict[str, Entry] = {"names": {"metavar": "IMAGE", "nargs": "+", "help": "its id, name or address"}}
_DEEP: dict[str, Entry] = {"--deep": {"action": "store_true", "help": "read each image, and look at its structure"}}

THINGS: Things = {
    "images": {
        "list": (_list, _WANTED),
        "delete": (lambda context, flags: _admin(context).delete(flags.names), _NAMES),
        "usage": (lambda context, _: _admin(context).usage(), {}),
        "verify": (lambda context, flags: _admin(context).verify(deep=flags.deep), _DEEP),
    },
}
