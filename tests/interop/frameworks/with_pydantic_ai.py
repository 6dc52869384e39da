"""Pydantic AI: its toolset for an MCP server."""

import asyncio
import json
import os
import sys

# None of these packages is installed with the project.
from fastmcp.client.transports import StdioTransport  # type: ignore[import-not-found]
from pydantic_ai import RunContext  # type: ignore[import-not-found]
from pydantic_ai.mcp import MCPToolset  # type: ignore[import-not-found]
from pydantic_ai.models.test import TestModel  # type: ignore[import-not-found]
from pydantic_ai.usage import RunUsage  # type: ignore[import-not-found]


async def convert_and_call(python: str, image: str) -> dict[str, object]:
    server = StdioTransport(python, ["-m", "img402_mcp"], env=dict(os.environ))
    async with MCPToolset(server) as toolset:
        tools = await toolset.get_tools(RunContext(deps=None, model=TestModel(), usage=RunUsage()))
        answered = await toolset.direct_call_tool("upload_free", {"path": image})
    schemas = {name: tool.tool_def.parameters_json_schema for name, tool in tools.items()}
    return {"schemas": schemas, "answer": str(answered)}


print(json.dumps(asyncio.run(convert_and_call(*sys.argv[1:]))))  # noqa: T201
