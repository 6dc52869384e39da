import logging
import os
import sys
from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace as Flags
from typing import TYPE_CHECKING

from img402_mcp.errors import SettingsError
from img402_mcp.mcp_server.asgi import address_of, listen, run_app
from img402_mcp.mcp_server.serve import imports_are_done

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.applications import Starlette

    from img402_mcp.host.settings import HostSettings

_log = logging.getLogger("img402_mcp.host.start")

_EVERY_ADDRESS = ("", "0.0.0.0", "::")  # noqa: S104  # to recognise it


def run(flags: Flags) -> int:
    try:
        from img402_mcp.host.app import create_app  # noqa: PLC0415
        from img402_mcp.host.http.connection import connections  # noqa: PLC0415
        from img402_mcp.host.http.draining import DrainingServer  # noqa: PLC0415
        from img402_mcp.host.libc import keep_freed_memory  # noqa: PLC0415
        from img402_mcp.host.observability import access_log  # noqa: PLC0415  # an extra
        from img402_mcp.host.settings import host_settings  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise SettingsError(f"The host needs {error.name}: pip install 'img402-mcp[host]'.") from error
    listener = listen(flags.host, flags.port)
    # Nobody can open http://0.0.0.0: if every address is bound, the public one must be given.
    bound = None if flags.host in _EVERY_ADDRESS else address_of(listener)
    logging.getLogger("img402_mcp.host").setLevel(logging.INFO)
    access_log.write_to(sys.stderr)
    keep_freed_memory()
    os.umask(0o077)  # files that libraries create are private to the owner, too
    settings = host_settings(os.environ, data=flags.data, public_url=flags.public_url, default_public_url=bound)
    app = create_app(settings)
    _log.info("the img402 API is at %s, images in %s", address_of(listener), settings.data)
    if sys.stderr.isatty():
        print(f"Open {address_of(listener)} in a browser, or stop it with Ctrl-C.", file=sys.stderr)
    access_log.log_settings(settings)
    imports_are_done()
    server = partial(DrainingServer, begin=app.state.drain, seconds=settings.upkeep.drain)
    with _measuring(app, settings):
        return run_app(
            app,
            listener,
            http=connections(settings.timeouts, app.state.fast_path, settings.trusted_proxies),
            server=server,
            stop_within=settings.upkeep.stop,
        )


@contextmanager
def _measuring(app: "Starlette", settings: "HostSettings") -> "Iterator[None]":
    if settings.upkeep.metrics is None:
        yield
        return
    from img402_mcp.host.observability.metrics import serving  # noqa: PLC0415  # an extra

    with serving(app.state.metrics, settings.upkeep.metrics) as address:
        _log.info("metrics are at %s", address)
        yield
