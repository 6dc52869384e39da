"""LiteLLM: tools in OpenAI's form, and a call as OpenAI's models write one."""

import asyncio
import json
import os
import sys

# None of these packages is installed with the project.
from litellm import mcp_client as client  # type: ignore[import-not-found]
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client


async def convert_and_call(python: str, image: str) -> dict[str, object]:
    server = StdioServerParameters(command=python, args=["-m", "img402_mcp"], env=dict(os.environ))
    async with stdio_client(server) as streams, ClientSession(*streams) as session:
        await session.initialize()
        tools = [tool["function"] for tool in await client.load_mcp_tools(session, format="openai")]
        function = {"name": "upload_free", "arguments": json.dumps({"path": image})}
        answered = await client.call_openai_tool(session, {"id": "1", "type": "function", "function": function})
    schemas = {tool["name"]: tool["parameters"] for tool in tools}
    return {"schemas": schemas, "answer": answered.content[0].text}


print(json.dumps(asyncio.run(convert_and_call(*sys.argv[1:]))))  # noqa: T201
