"""The MCP server: the tools, and a lifespan that opens the uploader once."""

import hmac
from functools import partial
from typing import TYPE_CHECKING, Any

from mcp.server.auth.provider import AccessToken
from mcp.server.auth.settings import AuthSettings
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.mcpserver import MCPServer
from pydantic import AnyHttpUrl

from img402_mcp import __version__
from img402_mcp.client.deadline import CALL_SECONDS
from img402_mcp.client.files.allow_list import AllowList
from img402_mcp.client.settings.model import Settings
from img402_mcp.mcp_server.session import Session, open_session
from img402_mcp.mcp_server.tools import tools

if TYPE_CHECKING:
    import httpx2

INSTRUCTIONS = (
    "Turns local image files into public URLs; pass paths, never image data. One image: upload_free. Several: "
    "upload_batch. A Markdown or HTML document with local images: publish_markdown. An earlier URL: find_uploads. "
    "Refused, or unsure what is allowed: limits. Everything uploaded is public. Tools that say SPENDS MONEY pay: use "
    "them only where the user wants that."
)


def create_server(
    settings: Settings,
    *,
    transport: "httpx2.AsyncBaseTransport | None" = None,
    token: str | None = None,
    call_seconds: float = CALL_SECONDS,
) -> MCPServer[Session]:
    """`transport`: to a host in memory. `token`: for the HTTP modes. Raises SettingsError for a missing folder."""
    allow_list = AllowList.of(settings)
    wallet = ["wallet"] if settings.money.wallet else []
    server = MCPServer(
        "img402-mcp",
        title="img402 image upload",  # no icon: since 2026-07-28 these fields are in the metadata of each answer
        version=__version__,
        instructions=INSTRUCTIONS,
        tools=tools(*wallet, *(api.name for api in settings.apis)),
        lifespan=lambda _: open_session(settings, allow_list, transport, call_seconds),
        log_level="WARNING",
        **_auth(token),
    )
    server.middleware.append(partial(_advertising_what_is_there, server))
    return server


async def _advertising_what_is_there(
    server: MCPServer[Session], ctx: ServerRequestContext[Any, Any], call_next: CallNext
) -> HandlerResult:
    """The SDK advertises prompts and resources even if there are none, and clients then list them."""
    result = await call_next(ctx)
    if ctx.method in {"initialize", "server/discover"} and isinstance(result, dict):
        there = {
            "prompts": await server.list_prompts(),
            "resources": await server.list_resources() or await server.list_resource_templates(),
        }
        said = result["capabilities"]
        result["capabilities"] = {name: each for name, each in said.items() if there.get(name, True)}
    return result


class _StaticToken:
    """One shared bearer token, compared in constant time."""

    def __init__(self, token: str) -> None:
        self._token = token.encode()

    async def verify_token(self, token: str) -> AccessToken | None:
        if not hmac.compare_digest(token.encode(), self._token):
            return None
        return AccessToken(token=token, client_id="shared-token", scopes=[])


def _auth(token: str | None) -> dict[str, Any]:
    if token is None:
        return {}
    # The SDK wants an issuer; without a resource URL it publishes no OAuth metadata, since there is no OAuth here.
    nowhere = AuthSettings(issuer_url=AnyHttpUrl("http://localhost"), resource_server_url=None)
    return {"auth": nowhere, "token_verifier": _StaticToken(token)}
