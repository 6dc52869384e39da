"""An open host, as each action of `host admin` needs it. The host is an extra, and imported only when one runs."""

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from img402_mcp.errors import SettingsError

if TYPE_CHECKING:
    from img402_mcp.host.db.database import Database
    from img402_mcp.host.settings import HostSettings

Entry = dict[str, Any]
Admin = Callable[["AdminContext"], Any]
Actions = dict[str, tuple[str, list[click.Parameter]]]
"""Action -> the method of what the file's `admin` makes, and its parameters, which have the method's names."""
Things = dict[str, Actions]


@dataclass(frozen=True)
class AdminContext:
    settings: "HostSettings"
    database: "Database"
    now: Callable[[], datetime]


@contextmanager
def opened(data: str | None) -> Iterator[AdminContext]:
    try:
        from img402_mcp.host.app import reaching, utc_now  # noqa: PLC0415  # with all tables
        from img402_mcp.host.db.database import Database  # noqa: PLC0415
        from img402_mcp.host.private_files import private_folder  # noqa: PLC0415
        from img402_mcp.host.settings import host_settings  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise SettingsError(f"The host needs {error.name}: pip install 'img402-mcp[host]'.") from error
    settings = host_settings(os.environ, data=data, default_public_url="http://127.0.0.1")
    with reaching(settings):
        os.umask(0o077)
        private_folder(settings.data)
        with closing(Database(settings.database)) as database:
            yield AdminContext(settings, database, utc_now)
