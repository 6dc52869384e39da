"""LangChain, through its MCP adapters."""

import asyncio
import json
import os
import sys

# None of these packages is installed with the project.
from langchain_mcp_adapters.tools import load_mcp_tools  # type: ignore[import-not-found]
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client


async def convert_and_call(python: str, image: str) -> dict[str, object]:
    server = StdioServerParameters(command=python, args=["-m", "img402_mcp"], env=dict(os.environ))
    async with stdio_client(server) as streams, ClientSession(*streams) as session:
        await session.initialize()
        tools = {tool.name: tool for tool in await load_mcp_tools(session)}
        answered = await tools["upload_free"].ainvoke({"path": image})
    return {"schemas": {name: tool.args_schema for name, tool in tools.items()}, "answer": str(answered)}


print(json.dumps(asyncio.run(convert_and_call(*sys.argv[1:]))))  # noqa: T201
