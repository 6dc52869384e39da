"""What the first answer of a session says beyond the SDK's own: `initialize`, or since 2026-07-28 `server/discover`."""

from base64 import b64encode
from typing import Any

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp_types import SERVER_INFO_META_KEY

_DRAWING = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="#0b6b5c"/>'
    '<path d="M7 22l6-7 4.5 5 3-3.5L25 22" fill="none" stroke="#fff" stroke-width="2.5" stroke-linecap="round" '
    'stroke-linejoin="round"/><circle cx="21" cy="11" r="2.5" fill="#ffd166"/></svg>'
)
ICON = {
    "src": f"data:image/svg+xml;base64,{b64encode(_DRAWING.encode()).decode()}",
    "mimeType": "image/svg+xml",
    "sizes": ["any"],
}
_FIRST_WITH_ICONS = "2025-11-25"


async def complete_first_answer(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
    """Adds the icon here alone, since the SDK repeats what its server has in each answer.

    It also advertises resources though there are none, and clients then ask for their list.
    """
    result = await call_next(ctx)
    if ctx.method in {"initialize", "server/discover"} and isinstance(result, dict):
        result["capabilities"].pop("resources", None)
        if result.get("protocolVersion", _FIRST_WITH_ICONS) >= _FIRST_WITH_ICONS:
            info = result["serverInfo"] if ctx.method == "initialize" else result["_meta"][SERVER_INFO_META_KEY]
            info["icons"] = [ICON]
    return result
