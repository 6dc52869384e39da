"""Semantic Kernel: its plugin for an MCP server; each tool becomes a function of the kernel."""

import asyncio
import json
import os
import sys

# None of these packages is installed with the project.
from semantic_kernel import Kernel  # type: ignore[import-not-found]
from semantic_kernel.connectors.ai.function_calling_utils import (  # type: ignore[import-not-found]
    kernel_function_metadata_to_function_call_format,
)
from semantic_kernel.connectors.mcp import MCPStdioPlugin  # type: ignore[import-not-found]


async def convert_and_call(python: str, image: str) -> dict[str, object]:
    async with MCPStdioPlugin("img402", command=python, args=["-m", "img402_mcp"], env=dict(os.environ)) as server:
        kernel = Kernel()
        functions = kernel.add_plugin(server).functions
        declared = [kernel_function_metadata_to_function_call_format(each.metadata) for each in functions.values()]
        answered = await kernel.invoke(functions["upload_free"], path=image)
    schemas = {tool["function"]["name"].partition("-")[2]: tool["function"]["parameters"] for tool in declared}
    return {"schemas": schemas, "answer": "\n".join(str(part) for part in answered.value)}


print(json.dumps(asyncio.run(convert_and_call(*sys.argv[1:]))))  # noqa: T201
