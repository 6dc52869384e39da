"""The MCP server: the tools, and a lifespan that opens the uploader once."""

import hmac
from typing import TYPE_CHECKING, Any

from mcp.server.auth.provider import AccessToken
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver import MCPServer
from pydantic import AnyHttpUrl

from img402_mcp import __version__
from img402_mcp.client.deadline import CALL_SECONDS
from img402_mcp.client.files.allow_list import AllowList
from img402_mcp.client.settings.model import Settings
from img402_mcp.mcp_server.first_answer import complete_first_answer
from img402_mcp.mcp_server.prompts import prompts
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
        title="img402 image upload",  # the icon is in first_answer.py
        version=__version__,
        instructions=INSTRUCTIONS,
        tools=tools(*wallet, *(api.name for api in settings.apis)),
        lifespan=lambda _: open_session(settings, allow_list, transport, call_seconds),
        log_level="WARNING",
        **_auth(token),
    )
    for prompt in prompts():
        server.add_prompt(prompt)
    server.middleware.append(complete_first_answer)
    return server


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
