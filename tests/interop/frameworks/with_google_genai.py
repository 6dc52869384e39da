"""google-genai: what it hands Gemini for each tool. It calls a tool only when the model asks for it."""

import asyncio
import json
import os
import sys

# None of these packages is installed with the project.
from google.genai._mcp_utils import mcp_to_gemini_tool  # type: ignore[import-not-found]
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client


async def convert(python: str) -> dict[str, object]:
    server = StdioServerParameters(command=python, args=["-m", "img402_mcp"], env=dict(os.environ))
    async with stdio_client(server) as streams, ClientSession(*streams) as session:
        await session.initialize()
        listed = (await session.list_tools()).tools
    declared = [mcp_to_gemini_tool(tool).function_declarations[0] for tool in listed]
    return {tool.name: tool.model_dump(mode="json", exclude_none=True).get("parameters", {}) for tool in declared}


print(json.dumps({"schemas": asyncio.run(convert(sys.argv[1])), "answer": None}))  # noqa: T201
