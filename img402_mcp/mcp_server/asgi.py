"""Any ASGI app on a socket of this machine."""

import socket
from typing import TYPE_CHECKING, Literal

from img402_mcp.errors import SettingsError, quoted

if TYPE_CHECKING:
    from asyncio import Protocol
    from collections.abc import Callable

    from starlette.types import ASGIApp
    from uvicorn import Config, Server


# An open SSE stream never ends by itself.
_STOP_WITHIN = 3


def listen(host: str, port: int) -> socket.socket:
    """Bound before anything is printed, so that the printed address is right, also for port 0."""
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except (OSError, OverflowError, TypeError, UnicodeError) as error:  # the last two: not a host name at all
        raise SettingsError(
            f"Cannot listen on {quoted(host)} port {port} ({error}). Is the address one of this machine, and the port "
            "free? --port 0 takes any."
        ) from error


def address_of(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def run_app(  # noqa: PLR0913  # the last three differ between MCP over HTTP and the host
    app: "ASGIApp",
    listener: socket.socket,
    *,
    http: "Literal['auto', 'h11'] | type[Protocol]" = "auto",
    server: "Callable[[Config], Server] | None" = None,
    stop_within: int = _STOP_WITHIN,
    most_connections: int | None = None,
) -> int:
    import uvicorn  # noqa: PLC0415  # not needed on stdio

    # The application judges the addresses that a proxy names: uvicorn would believe anyone on loopback.
    settings = uvicorn.Config(
        app,
        http=http,
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=stop_within,
        limit_concurrency=most_connections,
    )
    (server or uvicorn.Server)(settings).run(sockets=[listener])
    return 0
