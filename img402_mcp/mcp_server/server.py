"""The MCP server: the tools, and a lifespan that opens the uploader once."""

import hmac
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

from mcp.server.auth.provider import AccessToken
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver import MCPServer
from pydantic import AnyHttpUrl

from img402_mcp import __version__
from img402_mcp.client.files.roots import Roots
from img402_mcp.client.settings import Settings
from img402_mcp.mcp_server.results import Once, Uploaders
from img402_mcp.mcp_server.tools import tools

if TYPE_CHECKING:
    import httpx2

    from img402_mcp.client.io42_submit import Io42Submitter
    from img402_mcp.client.paid_upload import PaidUploader
    from img402_mcp.client.studio_upload import StudioUploader
    from img402_mcp.client.upload import Uploader

INSTRUCTIONS = "Turns local image files into public URLs. Pass paths, never image data."


def create_server(
    settings: Settings, *, transport: "httpx2.AsyncBaseTransport | None" = None, token: str | None = None
) -> MCPServer[Uploaders]:
    """`transport` joins the client wing to a host in memory; `token` is demanded in the HTTP modes.

    Raises SettingsError for a folder that does not exist: here, before anything is served.
    """
    roots = Roots.resolve(settings.allow_dirs)

    @asynccontextmanager
    async def lifespan(_: MCPServer[Uploaders]) -> AsyncIterator[Uploaders]:
        async with AsyncExitStack() as stack:
            yield _corridors(stack, settings, roots, transport)

    return MCPServer(
        "img402-mcp",
        title="img402 image upload",
        version=__version__,
        instructions=INSTRUCTIONS,
        tools=tools(*_configured(settings)),
        lifespan=lifespan,
        log_level="WARNING",
        **_auth(token),
    )


def _configured(settings: Settings) -> list[str]:
    named = {"wallet": settings.money.wallet, "io42": settings.io42, "studio": settings.studio}
    return [what for what, setting in named.items() if setting is not None]


def _corridors(
    stack: AsyncExitStack, settings: Settings, roots: Roots, transport: "httpx2.AsyncBaseTransport | None"
) -> Uploaders:
    """Each imported and opened at its first call, not at every start."""

    async def open_free() -> "Uploader":
        from img402_mcp.client.upload import open_uploader  # noqa: PLC0415

        return await stack.enter_async_context(open_uploader(settings, roots, transport))

    async def open_paid() -> "PaidUploader":
        from img402_mcp.client import paid_upload  # noqa: PLC0415

        return stack.enter_context(paid_upload.open_paid_uploader(await free()))

    async def open_submitting() -> "Io42Submitter":
        from img402_mcp.client import io42_submit  # noqa: PLC0415

        return stack.enter_context(io42_submit.open_io42_submitter(await free(), transport))

    async def open_inputs() -> "StudioUploader":
        from img402_mcp.client import studio_upload  # noqa: PLC0415

        return studio_upload.studio_uploader(await free())

    free = Once(open_free)
    return Uploaders(
        free,
        paid=Once(open_paid) if settings.money.wallet else None,
        submitting=Once(open_submitting) if settings.io42 else None,
        inputs=Once(open_inputs) if settings.studio else None,
    )


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
