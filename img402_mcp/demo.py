"""The whole way of an image, told step by step: a host of one's own, an MCP client, an upload, the URL.

Everything is the real thing, in processes of its own: what runs here is what an agent's configuration starts.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx2
from mcp import Client, StdioServerParameters
from mcp_types import CallToolResult, TextContent

SCREENSHOT = Path(__file__).with_name("demo.png")
_PROGRAM = (sys.executable, "-m", "img402_mcp")


def main() -> int:
    """0 only if every step did what it says."""
    with tempfile.TemporaryDirectory(prefix="img402-demo-") as folder:
        return anyio.run(_show, Path(folder).resolve())


async def _show(folder: Path) -> int:
    pictures = folder / "pictures"
    pictures.mkdir()
    screenshot = Path(shutil.copy(SCREENSHOT, pictures / "deployments page.png"))
    (pictures / "notes.png").write_text("not a picture, only called one", encoding="utf-8")
    with _host(folder / "host") as api:
        _say(f"1. A host of the img402 API runs on this machine: {api}")
        async with _agent(api, pictures) as agent:
            tools = ", ".join(tool.name for tool in (await agent.list_tools()).tools)
            _say(f"2. An MCP client started the server over stdio. It offers the tools {tools}.")
            _say(f"   Images may come from {pictures} and from nowhere else.")
            image = SCREENSHOT.read_bytes()
            await _fetch(await _upload(agent, screenshot, image), image)
            _say("5. Whatever is no image, or lies elsewhere, never leaves the machine:")
            await _refuse(agent, pictures / "notes.png")
            await _refuse(agent, Path("/etc/passwd"))
    _say("Done. The host and the server are stopped and their folder is gone.")
    return 0


async def _upload(agent: Client, screenshot: Path, image: bytes) -> str:
    _say(f'3. The agent calls upload_free(path="{screenshot}"). It passes {len(str(screenshot))} characters;')
    _say(f"   in base64 through the model the image would have been {len(image) * 4 // 3:,}.")
    result = await agent.call_tool("upload_free", {"path": str(screenshot)})
    if result.is_error:
        raise SystemExit(f"The upload failed: {_text(result)}")
    _say(f"   The answer: {_text(result)}".replace("\n", "\n               "))
    answer: dict[str, Any] = result.structured_content or {}
    return str(answer["url"])


async def _fetch(url: str, image: bytes) -> None:
    async with httpx2.AsyncClient() as browser:
        response = await browser.get(url)
    same = response.content == image
    if not same:
        raise SystemExit("The URL does not serve the image that was uploaded.")
    kind, caching = response.headers.get("content-type"), response.headers.get("cache-control")
    _say(f"4. Anyone opens {url}:")
    _say(f"   status {response.status_code}, {kind}, {caching}; the very bytes of the file.")


async def _refuse(agent: Client, path: Path) -> None:
    result = await agent.call_tool("upload_free", {"path": str(path)})
    if not result.is_error:
        raise SystemExit(f"{path} should have been refused.")
    _say(f"   {_text(result)}")


def _text(result: CallToolResult) -> str:
    return "\n".join(part.text for part in result.content if isinstance(part, TextContent))


def _say(line: str) -> None:
    print(line, flush=True)


@contextmanager
def _host(data: Path) -> Iterator[str]:
    command = (*_PROGRAM, "host", "--port", "0", "--data", str(data))
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as program:  # noqa: S603  # our own program
        try:
            assert program.stderr is not None  # noqa: S101  # it is piped
            line = program.stderr.readline()
            yield next(word.rstrip(",") for word in line.split() if word.startswith("http://"))
        finally:
            program.terminate()


@asynccontextmanager
async def _agent(api: str, pictures: Path) -> AsyncIterator[Client]:
    environment = os.environ | {"IMG402_API_URL": api, "IMG402_ALLOW_DIRS": str(pictures)}
    server = StdioServerParameters(command=_PROGRAM[0], args=list(_PROGRAM[1:]), env=environment)
    async with Client(server) as client:
        yield client
