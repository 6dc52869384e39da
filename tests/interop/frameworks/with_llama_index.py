"""LlamaIndex: its tool specification for an MCP server; it offers null to the model for what may be left out."""

import asyncio
import json
import os
import sys

# None of these packages is installed with the project.
from llama_index.tools.mcp import BasicMCPClient, McpToolSpec  # type: ignore[import-not-found]


async def convert_and_call(python: str, image: str) -> dict[str, object]:
    client = BasicMCPClient(python, args=["-m", "img402_mcp"], env=dict(os.environ))
    tools = {tool.metadata.name: tool for tool in await McpToolSpec(client).to_tool_list_async()}
    answered = await tools["upload_free"].acall(path=image)
    schemas = {name: json.loads(tool.metadata.fn_schema_str) for name, tool in tools.items()}
    return {"schemas": schemas, "answer": str(answered.raw_output)}


print(json.dumps(asyncio.run(convert_and_call(*sys.argv[1:]))))  # noqa: T201
