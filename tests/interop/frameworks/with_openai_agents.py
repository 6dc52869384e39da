"""The OpenAI Agents SDK."""

import asyncio
import json
import os
import sys

# None of these packages is installed with the project.
from agents.mcp import MCPServerStdio  # type: ignore[import-not-found]
from agents.mcp.util import MCPUtil  # type: ignore[import-not-found]


async def convert_and_call(python: str, image: str) -> dict[str, object]:
    command = {"command": python, "args": ["-m", "img402_mcp"], "env": dict(os.environ)}
    async with MCPServerStdio(command, client_session_timeout_seconds=30) as server:
        listed = await server.list_tools()
        tools = [MCPUtil.to_function_tool(tool, server, convert_schemas_to_strict=False) for tool in listed]
        answered = await server.call_tool("upload_free", {"path": image})
    return {"schemas": {tool.name: tool.params_json_schema for tool in tools}, "answer": answered.content[0].text}


print(json.dumps(asyncio.run(convert_and_call(*sys.argv[1:]))))  # noqa: T201
