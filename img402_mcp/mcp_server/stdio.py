"""Serving: MCP over stdio or HTTP, and any ASGI app on a socket. Without argparse, which costs start-up time."""

import gc
import os
import signal
import socket
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from img402_mcp.client import settings as client_settings
from img402_mcp.errors import SettingsError, quoted

if TYPE_CHECKING:
    from asyncio import Protocol
    from collections.abc import Callable

    from starlette.types import ASGIApp
    from uvicorn import Config, Server

# An open SSE stream never ends by itself.
_STOP_WITHIN = 3


def serve(environ: Mapping[str, str], flags: client_settings.ServeFlags) -> int:
    settings = client_settings.settings(environ, allow_dirs=flags.allow_dirs)
    serving = client_settings.serving(environ, flags)
    from img402_mcp.mcp_server.server import create_server, http_app  # noqa: PLC0415  # unusable settings are told at once

    server = create_server(settings, token=serving.token)
    imports_are_done()
    if serving.transport == "stdio":
        if sys.stdin.isatty():
            print("img402-mcp: MCP over stdio; an agent's configuration starts this. See --help.", file=sys.stderr)
        # A reader of stdin does not wake up for Python's own handler.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        server.run("stdio")
        # What a stray print left in a buffer is not drained onto the wire at the end.
        os.dup2(2, 1)
        return 0
    listener = listen(serving.host, serving.port)
    path = "/sse" if serving.transport == "sse" else "/mcp"
    print(f"img402-mcp: serving MCP at {address_of(listener)}{path}", file=sys.stderr, flush=True)
    # httptools, which the host's extra brings, leaves the blanks around a header's value, and the SDK answers 400.
    return run_app(http_app(server, serving), listener, http="h11")


def imports_are_done() -> None:
    """What was imported is taken out of the collector's sight for good; `__main__` switched it off before."""
    gc.freeze()
    gc.enable()


def listen(host: str, port: int) -> socket.socket:
    """Bound before anything is said, so that the address that is printed is true, also for port 0."""
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except (OSError, OverflowError) as error:
        raise SettingsError(
            f"Cannot listen on {quoted(host)} port {port} ({error}). Is the address one of this machine, and the port "
            "free? --port 0 takes any."
        ) from error


def address_of(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def run_app(
    app: "ASGIApp",
    listener: socket.socket,
    *,
    http: "Literal['auto', 'h11'] | type[Protocol]" = "auto",
    server: "Callable[[Config], Server] | None" = None,
    stop_within: int = _STOP_WITHIN,
) -> int:
    import uvicorn  # noqa: PLC0415  # not needed on stdio

    # Whom a proxy names is the application's to judge: uvicorn would believe anyone on loopback.
    settings = uvicorn.Config(
        app,
        http=http,
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=stop_within,
    )
    (server or uvicorn.Server)(settings).run(sockets=[listener])
    return 0
