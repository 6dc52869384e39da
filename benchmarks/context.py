"""What the tools cost a model's context: bytes of each tool, and tokens of an upload's answer (an upper estimate)."""

import json
import re
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
from mcp import Client
from mcp_types import CallToolResult, TextContent, Tool

from benchmarks.measuring import child, picture, show, verdict
from img402_mcp.client.settings.model import Settings
from img402_mcp.mcp_server.server import create_server

TOOL_GOAL = 330  # bytes of name, description and input schema
WHOLE_GOAL = 885  # bytes of all that is listed of a tool, on average
ANSWER_GOAL = 120  # tokens


def in_bytes(document: object) -> int:
    return len(json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode())


def size(tool: Tool) -> int:
    return in_bytes({"name": tool.name, "description": tool.description, "inputSchema": tool.input_schema})


def whole_size(tool: Tool) -> int:
    return in_bytes(tool.model_dump(by_alias=True, exclude_none=True, mode="json"))


# Up to four letters, up to three digits, or a run of marks. See the README for how this compares to real tokenizers.
PIECE = re.compile(r" ?[A-Za-z]{1,4}|\d{1,3}|[^\sA-Za-z\d]{1,3}|\s+")


def tokens(text: str) -> int:
    return max(len(PIECE.findall(text)), round(len(text) / 3.5))


def answer_rows(result: CallToolResult) -> list[tuple[str, ...]]:
    """A host shows the model either the text or the structure."""
    text = "\n".join(block.text for block in result.content if isinstance(block, TextContent))
    structure = json.dumps(result.structured_content, separators=(",", ":"))
    print(f"\n{text}\n{structure}")
    counts = {"text": tokens(text), "structure": tokens(structure)}
    return [(name, str(count), f"<= {ANSWER_GOAL}", verdict(count, ANSWER_GOAL)) for name, count in counts.items()]


async def weigh(folder: Path, url: str) -> None:
    (folder / "screenshot.png").write_bytes(picture(100_000))
    async with Client(create_server(Settings(url, (folder,), folder, history=False, verify=False))) as client:
        tools = (await client.list_tools()).tools
        uploaded = await client.call_tool("upload_free", {"path": str(folder / "screenshot.png")})
    assert not uploaded.is_error, uploaded
    rows = [(tool.name, str(size(tool)), f"<= {TOOL_GOAL}", verdict(size(tool), TOOL_GOAL)) for tool in tools]
    show("Name, description and input schema of each tool", ("", "bytes", "goal", ""), rows)
    average = round(sum(map(whole_size, tools)) / len(tools))
    show(
        "All that tools/list holds of a tool",
        ("", "bytes", "goal", ""),
        [
            *((tool.name, str(whole_size(tool)), "", "") for tool in tools),
            ("on average", str(average), f"< {WHOLE_GOAL}", verdict(average, WHOLE_GOAL - 1)),
        ],
    )
    show("An upload's answer", ("", "tokens", "goal", ""), answer_rows(uploaded))


def main() -> None:
    with TemporaryDirectory() as name, child("sink") as port:
        anyio.run(weigh, Path(name).resolve(), f"http://127.0.0.1:{port}")


if __name__ == "__main__":
    main()
