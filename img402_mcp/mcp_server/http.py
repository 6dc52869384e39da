"""MCP over HTTP: the app, with its Host and Origin lists enforced at every address."""

import re

from mcp.server.mcpserver import MCPServer
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware

from img402_mcp.mcp_server.session import Session
from img402_mcp.mcp_server.settings import ServeSettings


def http_app(server: MCPServer[Session], serving: ServeSettings) -> Starlette:
    """Streamable HTTP at /mcp, or SSE at /sse, with the Host and Origin lists enforced at every address."""
    security = TransportSecuritySettings(
        allowed_hosts=list(serving.allowed_hosts), allowed_origins=list(serving.allowed_origins)
    )
    make = server.sse_app if serving.transport == "sse" else server.streamable_http_app
    app = make(transport_security=security)
    # A redirect to a tidier path would name the Host that the request came with, before that is judged.
    app.router.redirect_slashes = False
    if serving.allowed_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origin_regex="|".join(map(_pattern, serving.allowed_origins)),
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["*"],
            expose_headers=["Mcp-Session-Id"],
        )
    return app


def _pattern(origin: str) -> str:
    """`http://localhost:*` stands for every port, as in the SDK's own list."""
    return re.escape(origin.removesuffix(":*")) + (":[0-9]+" if origin.endswith(":*") else "")
