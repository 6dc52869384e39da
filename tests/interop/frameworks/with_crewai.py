"""CrewAI, through mcpadapt: it sends null for every option that is not set."""

import json
import os
import sys

# None of these packages is installed with the project.
from crewai_tools import MCPServerAdapter  # type: ignore[import-not-found]
from mcp import StdioServerParameters

python, image = sys.argv[1:]
server = StdioServerParameters(command=python, args=["-m", "img402_mcp"], env=dict(os.environ))
with MCPServerAdapter(server) as tools:
    schemas = {tool.name: tool.args_schema.model_json_schema() for tool in tools}
    answer = next(tool for tool in tools if tool.name == "upload_free").run(path=image)
print(json.dumps({"schemas": schemas, "answer": answer}))  # noqa: T201
