"""Starts the server: MCP over stdio, or over HTTP. Modules that only HTTP needs are imported only there."""

import gc
import os
import signal
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

import anyio

from img402_mcp.client.settings.read import client_settings
from img402_mcp.mcp_server.settings import ServeFlags, serve_settings

if TYPE_CHECKING:
    from mcp.server.mcpserver import MCPServer

    from img402_mcp.mcp_server.session import Session


def serve(environ: Mapping[str, str], flags: ServeFlags) -> int:
    settings = client_settings(environ, allow_dirs=flags.allow_dirs)
    serving = serve_settings(environ, flags)
    # Pydantic's own variable. Unset, it looks through all installed packages for plugins, and none is used here.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from img402_mcp.mcp_server.server import create_server  # noqa: PLC0415  # unusable settings are reported at once

    server = create_server(settings, token=serving.token)
    imports_are_done()
    if serving.transport == "stdio":
        return _serve_on_stdio(server)
    from img402_mcp.mcp_server.asgi import address_of, listen, run_app  # noqa: PLC0415  # not needed on stdio
    from img402_mcp.mcp_server.http import http_app  # noqa: PLC0415  # not needed on stdio

    listener = listen(serving.host, serving.port)
    path = "/sse" if serving.transport == "sse" else "/mcp"
    open_to_all = "" if serving.token else ", without a token: every user and program of this machine can use it"
    way_out = "" if serving.token else " (--token-file names one)"
    print(f"img402-mcp: serving MCP at {address_of(listener)}{path}{open_to_all}{way_out}", file=sys.stderr, flush=True)
    # httptools, which the host's extra brings, leaves the blanks around a header's value, and the SDK answers 400.
    return run_app(http_app(server, serving), listener, http="h11", most_connections=2 * serving.most_sessions)


def _serve_on_stdio(server: "MCPServer[Session]") -> int:
    from img402_mcp.mcp_server.stdio import serve_stdio  # noqa: PLC0415  # not needed over HTTP

    if sys.stdout is None:  # it was closed, so nobody would get an answer
        return 0
    if os.isatty(0) and sys.stderr:
        print("img402-mcp: MCP over stdio; an agent's configuration starts this. See --help.", file=sys.stderr)
    # Python's own handler does not wake up a blocked read of stdin.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    anyio.run(serve_stdio, server, *_wire())
    return 0


def _wire() -> tuple[int, int]:
    """Keeps stdin and stdout for the protocol: other readers of stdin get nothing, and other output goes to stderr."""
    source, sink = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return source, sink


def imports_are_done() -> None:
    """Hides the imported modules from the garbage collector for good; `__main__` switched it off before."""
    gc.freeze()
    gc.enable()
