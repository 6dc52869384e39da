"""What the doors share: the corridor of this session, errors that reach the model, answers in text and structure."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import CallToolResult, TextContent
from pydantic import BaseModel

from img402_mcp.errors import Img402Error
from img402_mcp.upload import Corridor

Visit = Context[Corridor, Any]


def corridor(ctx: Visit) -> Corridor:
    return ctx.request_context.lifespan_context


@asynccontextmanager
async def errors_told() -> AsyncIterator[None]:
    """Only a ToolError's text reaches the model."""
    try:
        yield
    except Img402Error as error:
        raise ToolError(str(error)) from error


def told(text: str, answer: BaseModel) -> CallToolResult:
    """Some hosts show the model the text alone, others the structure alone: the whole answer goes into both."""
    return CallToolResult(
        content=[TextContent(type="text", text=text)],
        structured_content=answer.model_dump(mode="json", exclude_defaults=True),
    )
