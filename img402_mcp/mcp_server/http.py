"""MCP over HTTP: the app, with its Host and Origin lists enforced at every address, and a limit on its sessions."""

import re
from collections.abc import Iterable

from mcp.server.mcpserver import MCPServer
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from img402_mcp.mcp_server.session import Session
from img402_mcp.mcp_server.settings import ServeSettings


def http_app(server: MCPServer[Session], serving: ServeSettings) -> Starlette:
    """Streamable HTTP at /mcp, or SSE at /sse."""
    hosts, origins = [*serving.allowed_hosts], [*serving.allowed_origins]
    security = TransportSecuritySettings(allowed_hosts=hosts, allowed_origins=origins)
    if serving.transport == "sse":  # a session lives as long as its connection
        app = server.sse_app(transport_security=security)
    else:
        app = server.streamable_http_app(
            transport_security=security,
            session_idle_timeout=serving.session_idle_seconds,
            max_sessions=serving.most_sessions,
        )
    # A redirect to a tidier path would repeat the request's Host before it is checked.
    app.router.redirect_slashes = False
    if serving.allowed_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origin_regex=_pattern(serving.allowed_origins),
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["*"],
            expose_headers=["Mcp-Session-Id"],
        )
    app.add_middleware(NamesCheck, hosts=serving.allowed_hosts, origins=serving.allowed_origins)
    return app


class NamesCheck:
    """Refuses a request with a wrong Host or Origin. The SDK's own check takes any text after the colon for a port."""

    def __init__(self, app: ASGIApp, hosts: Iterable[str], origins: Iterable[str]) -> None:
        self._app = app
        self._hosts, self._origins = re.compile(_pattern(hosts)), re.compile(_pattern(origins))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal(Headers(scope=scope)) if scope["type"] == "http" else None
        await (refusal or self._app)(scope, receive, send)

    def _refusal(self, headers: Headers) -> PlainTextResponse | None:
        if not all(map(self._hosts.fullmatch, headers.getlist("host") or [""])):
            return PlainTextResponse("Invalid Host header", 421)
        if not all(map(self._origins.fullmatch, headers.getlist("origin"))):
            return PlainTextResponse("Invalid Origin header", 403)
        return None


def _pattern(names: Iterable[str]) -> str:
    """`http://localhost:*` means every port, as in the SDK's own list. Without any names nothing matches."""
    forms = (re.escape(name.removesuffix(":*")) + (":[0-9]{1,5}" if name.endswith(":*") else "") for name in names)
    return "|".join(forms) or r"(?!)"
