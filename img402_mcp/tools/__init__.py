"""The MCP doors: what the model reads and calls. No logic: it stands in the corridor."""

from types import ModuleType
from typing import Any

from mcp.server.mcpserver.tools import Tool

from img402_mcp.tools import get_upload_token, limits, upload_free, upload_with_token

ROOMS = (upload_free, upload_with_token, get_upload_token, limits)


def tools(*, wallet: bool) -> list[Tool]:
    return [lean(room.tool()) for room in (*ROOMS, *(_rooms_with_wallet() if wallet else ()))]


def _rooms_with_wallet() -> tuple[ModuleType, ...]:
    from img402_mcp.tools import payment_status, upload_paid  # noqa: PLC0415  # most sessions never pay

    return upload_paid, payment_status


def lean(tool: Tool) -> Tool:
    """The same tool without the titles that pydantic puts into schemas: every session pays for them in context."""
    tool.parameters = _without_titles(tool.parameters)
    if tool.fn_metadata.output_schema is not None:
        tool.fn_metadata.output_schema = _without_titles(tool.fn_metadata.output_schema)
    return tool


def _without_titles(schema: Any) -> Any:  # noqa: ANN401  # a JSON document
    if isinstance(schema, list):
        return [_without_titles(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _without_titles(item) for key, item in schema.items() if not (key == "title" and isinstance(item, str))
    }
