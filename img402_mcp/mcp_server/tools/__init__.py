"""The MCP doors: what the model reads and calls. No logic: it stands in the uploader."""

from types import ModuleType
from typing import Any

from mcp.server.mcpserver.tools import Tool

from img402_mcp.mcp_server.tools import (
    find_uploads,
    get_upload_token,
    limits,
    publish_markdown,
    upload_batch,
    upload_free,
    upload_with_token,
)

ROOMS = (upload_free, upload_batch, publish_markdown, find_uploads, upload_with_token, get_upload_token, limits)


def tools(*configured: str) -> list[Tool]:
    """`configured`: "wallet", "io42", "studio". Whoever has not configured one pays neither time nor context for it."""
    added = [room for name, rooms in _ADDED.items() if name in configured for room in rooms()]
    return [lean(room.tool()) for room in (*ROOMS, *added)]


def _of_wallet() -> tuple[ModuleType, ...]:
    from img402_mcp.mcp_server.tools import payment_status, upload_paid  # noqa: PLC0415  # most sessions never pay

    return upload_paid, payment_status


def _of_io42() -> tuple[ModuleType, ...]:
    from img402_mcp.mcp_server.tools import submit_image  # noqa: PLC0415  # few sessions submit

    return (submit_image,)


def _of_studio() -> tuple[ModuleType, ...]:
    from img402_mcp.mcp_server.tools import upload_input  # noqa: PLC0415  # few sessions have a studio

    return (upload_input,)


_ADDED = {"wallet": _of_wallet, "io42": _of_io42, "studio": _of_studio}


def lean(tool: Tool) -> Tool:
    """The same tool without what pydantic puts into schemas and nobody needs: every session pays for it in context.

    What may be left out is not `required`: its default says no more.
    """
    tool.parameters = _without(_TITLE | {"default"}, tool.parameters)
    for argument in tool.parameters["properties"].values():
        if "enum" in argument:  # its words are strings, as anyone can see
            argument.pop("type", None)
    if tool.fn_metadata.output_schema is not None:
        tool.fn_metadata.output_schema = _without(_TITLE, tool.fn_metadata.output_schema)
    return tool


_TITLE = frozenset({"title"})


def _without(words: frozenset[str], schema: Any) -> Any:  # noqa: ANN401  # a JSON document
    if isinstance(schema, list):
        return [_without(words, item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: _without(words, item) for key, item in schema.items() if key not in words or isinstance(item, dict)}
