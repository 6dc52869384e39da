"""The APIs of this host: a folder for each. The app imports img402's own directly."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from img402_mcp.host.apis.api import Api

APIS = (
    "io42",
    "studio",
)
"""The table of the other ones. `api.py` in the folder of that name says what the host serves, and the file of that name
in `cli/admin` what `host admin` can do. Names alone, since the command line reads them where no host is installed."""


def apis() -> "list[Api]":
    return [import_module(f"{__name__}.{name}.api").API for name in APIS]
