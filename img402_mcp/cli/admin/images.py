from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from img402_mcp.cli.admin.context import AdminContext, Things
from img402_mcp.cli.parameters import Whole
from img402_mcp.errors import quoted

if TYPE_CHECKING:
    from img402_mcp.host.admin.images import ImagesAdmin

_COUNT = Whole("a count", 0, 10**15 - 1)


def admin(context: AdminContext) -> "ImagesAdmin":
    from img402_mcp.host.admin.images import ImagesAdmin  # noqa: PLC0415  # an extra
    from img402_mcp.host.storage.images import Images  # noqa: PLC0415
    from img402_mcp.host.storage.opening import open_blobs  # noqa: PLC0415

    blobs = open_blobs(context.settings.blobs, context.settings.objects)
    return ImagesAdmin(Images(context.database), blobs, context.now)


class _Moment(click.ParamType[datetime]):
    """In UTC if no zone is given."""

    name = "moment"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{quoted(value)} is not a date or moment, such as 2026-02-08 or 2026-02-08T10:30Z.", param, ctx)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


_WANTED: list[click.Parameter] = [
    click.Option(
        ["--kind"],
        type=click.Choice(["free", "paid", "private"]),
        help="Only this kind. private: submissions and inputs.",
    ),
    click.Option(["--since"], metavar="MOMENT", type=_Moment(), help="Uploaded since then, such as 2026-02-08."),
    click.Option(["--before"], metavar="MOMENT", type=_Moment(), help="Uploaded before this time."),
    click.Option(["--larger"], metavar="BYTES", type=_COUNT, help="Larger than this."),
    click.Option(
        ["--limit"],
        metavar="N",
        type=_COUNT,
        default=100,
        show_default=True,
        help="How many to show, the newest first.",
    ),
]
_NAMES = click.Argument(["names"], metavar="IMAGE...", nargs=-1, required=True)
_DEEP = click.Option(["--deep"], is_flag=True, help="Read each image and check its structure.")

THINGS: Things = {
    "images": {
        "list": ("images", _WANTED),
        "delete": ("delete", [_NAMES]),
        "usage": ("usage", []),
        "verify": ("verify", [_DEEP]),
    },
}
