"""An image from disk to a URL, step by step: your own host, an MCP client, an upload, the URL, a payment.

Nothing is simulated but the money: each part is the process that an agent's configuration starts. The payments are
play money, and their key is one that everybody knows.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any

import anyio
import httpx2
import PIL.Image
from anyio.abc import SocketAttribute, SocketStream
from mcp import Client, StdioServerParameters
from mcp_types import CallToolResult, TextContent

SCREENSHOT = Path(__file__).with_name("demo.png")
_DOCUMENT = """# Release 1.4

The new page for deployments:

![Deployments](<deployments page.png> "since 1.4")

As one image: <img src="whole%20page.png" width="600" alt="all of it">

A code sample stays as it is: `![not](touched.png)`.
"""
_PROGRAM = (sys.executable, "-m", "img402_mcp")
# The first two of the development accounts that every copy of anvil and hardhat has: no money is ever safe there.
_WALLET_KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
_PAYEE = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
_SELLING = {
    "IMG402_HOST_PAY_TO": _PAYEE,
    "IMG402_HOST_NETWORK": "base-sepolia",
    "IMG402_HOST_FACILITATOR": "play",
    "IMG402_HOST_FREE_MAX_BYTES": "1000000",
}
_PAYING = {"IMG402_WALLET_KEY": _WALLET_KEY, "IMG402_NETWORKS": "base-sepolia"}


def main() -> int:
    """0 only if every step did what it says."""
    with tempfile.TemporaryDirectory(prefix="img402-demo-") as folder:
        return anyio.run(_show, Path(folder).resolve())


async def _show(folder: Path) -> int:
    pictures = _pictures(folder / "pictures")
    image = SCREENSHOT.read_bytes()
    with _host(folder / "host") as api:
        _say(f"1. A host of the img402 API runs on this machine: {api}")
        async with _agent(api, pictures, folder) as agent:
            tools = ", ".join(tool.name for tool in (await agent.list_tools()).tools)
            _say(f"2. An MCP client started the server over stdio. It offers {tools}.")
            _say(f"   Images may come from {pictures} and from nowhere else.")
            await _fetch(await _upload(agent, pictures / "deployments page.png", image), image)
            _say("5. Whatever is not an image, or lies elsewhere, never leaves the machine:")
            await _refuse(agent, pictures / "notes.png")
            await _refuse(agent, Path("/etc/passwd"))
            await _fit(agent, pictures / "whole page.png")
            await _publish(agent, pictures)
        await _pay(api, pictures, folder)
        await _submit(api, pictures, folder)
        await _give_input(api, pictures, folder)
    _say("Done. The host and the servers are stopped and their folder is gone.")
    return 0


def _pictures(folder: Path) -> Path:
    folder.mkdir()
    shutil.copy(SCREENSHOT, folder / "deployments page.png")
    (folder / "notes.png").write_text("not a picture, only called one", encoding="utf-8")
    _draw_whole_page(folder / "whole page.png")
    (folder / "release.md").write_text(_DOCUMENT, encoding="utf-8")
    return folder


def _draw_whole_page(path: Path) -> None:
    """A full-page screenshot of a dense screen: the page, and a photo with its grain below it."""
    page = PIL.Image.open(SCREENSHOT).convert("RGB").resize((2000, 1120))
    bright = PIL.Image.linear_gradient("L").resize((2000, 1100))
    photo = PIL.Image.merge("RGB", (bright, PIL.Image.radial_gradient("L").resize(bright.size), bright.rotate(180)))
    grain = PIL.Image.effect_noise(photo.size, 14).convert("RGB")
    whole = PIL.Image.new("RGB", (2000, 2220))
    whole.paste(page)
    whole.paste(PIL.Image.blend(photo, grain, 0.2), (0, page.height))
    whole.save(path)


async def _upload(agent: Client, screenshot: Path, image: bytes) -> str:
    _say(f'3. The agent calls upload_free(path="{screenshot}"). It passes {len(str(screenshot))} characters;')
    _say(f"   in base64 through the model the image would have been {len(image) * 4 // 3:,}.")
    return _answer(await agent.call_tool("upload_free", {"path": str(screenshot)}))


async def _fetch(url: str, image: bytes) -> None:
    async with httpx2.AsyncClient(trust_env=False) as browser:
        response = await browser.get(url)
    if response.content != image:
        raise SystemExit("The URL does not serve the image that was uploaded.")
    kind, caching = response.headers.get("content-type"), response.headers.get("cache-control")
    _say(f"4. Anyone opens {url}:")
    _say(f"   status {response.status_code}, {kind}, {caching}; the file's own bytes.")


async def _refuse(agent: Client, path: Path) -> None:
    result = await agent.call_tool("upload_free", {"path": str(path)})
    if not result.is_error:
        raise SystemExit(f"{path} should have been refused.")
    _say(f"   {_text(result)}")


async def _fit(agent: Client, screenshot: Path) -> None:
    size = (await anyio.Path(screenshot).stat()).st_size
    _say(f"6. A full-page screenshot has {size:,} bytes, and a free upload may have 1,000,000 here. It is made to fit:")
    answer = _shown(await agent.call_tool("upload_free", {"path": str(screenshot), "width": 1000}))
    if answer["size_bytes"] > 1_000_000 or "->" not in answer["done"]:
        raise SystemExit("It was not made to fit.")


async def _publish(agent: Client, pictures: Path) -> None:
    _say("7. publish_markdown(path) uploads the images of a document. What was uploaded before is not sent again:")
    _shown(await agent.call_tool("publish_markdown", {"path": str(pictures / "release.md")}))


async def _pay(api: str, pictures: Path, folder: Path) -> None:
    """The answer to the payment is lost on the way, which is where other clients pay a second time."""
    losing = _Losing(int(api.rpartition(":")[2]))
    async with losing.serving() as address, _agent(address, pictures, folder, _PAYING) as agent:
        _say("8. Another agent has a wallet with PLAY MONEY. It calls upload_paid; the answer to its payment is lost:")
        path = {"path": str(pictures / "deployments page.png")}
        url = _answer(await agent.call_tool("upload_paid", path))
        _say("   The same proof was sent again, and the API gave the same answer. Called once more, it pays nothing:")
        again = _answer(await agent.call_tool("upload_paid", path))
        status: dict[str, Any] = (await agent.call_tool("payment_status")).structured_content or {}
        _say(f"   In all, {status['spent_in_all_usdc']} USDC of play money was spent.")
        if not losing.lost or again != url or status["spent_in_all_usdc"] != "0.01":
            raise SystemExit("It was not paid for exactly once.")


async def _submit(api: str, pictures: Path, folder: Path) -> None:
    """io42: a fee, an upload URL, the file; called twice, and paid and delivered once."""
    key = _admin(folder, "agents", "add", "painter")["key"]
    _admin(folder, "projects", "add", "logos", "--fee", "0.25")
    _admin(folder, "submissions", "add", "sub_1", "--project", "logos", "--agent", "painter")
    io42 = {"IMG402_IO42_URL": f"{api}/api", "IMG402_IO42_KEY": key, "IMG402_IO42_MAX_FEE": "0.25"}
    _say('9. The same host speaks io42. An agent calls submit_image("logos", "sub_1", path), twice:')
    submission = {"project_id": "logos", "submission_id": "sub_1", "path": str(pictures / "deployments page.png")}
    async with _agent(api, pictures, folder, _PAYING | io42) as agent:
        first = _shown(await agent.call_tool("submit_image", submission))
        again = _shown(await agent.call_tool("submit_image", submission))
    if again != first | {"reused": True}:
        raise SystemExit("It was not submitted exactly once.")


async def _give_input(api: str, pictures: Path, folder: Path) -> None:
    token = _admin(folder, "tokens", "add", "agent")["token"]
    studio = {"IMG402_STUDIO_URL": api, "IMG402_STUDIO_TOKEN": token}
    _say("10. And a studio. An agent calls upload_input(path); the handle lasts, the preview soon expires:")
    async with _agent(api, pictures, folder, studio) as agent:
        _shown(await agent.call_tool("upload_input", {"path": str(pictures / "deployments page.png")}))


def _admin(folder: Path, *words: str) -> dict[str, Any]:
    """What `img402-mcp host admin` prints."""
    command = (*_PROGRAM, "host", "admin", *words, "--json", "--data", str(folder / "host"))
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603  # our own program
    answer: dict[str, Any] = json.loads(printed)
    return answer


def _answer(result: CallToolResult) -> str:
    return str(_shown(result)["url"])


def _shown(result: CallToolResult) -> dict[str, Any]:
    """The answer, having shown its text."""
    if result.is_error:
        raise SystemExit(f"The call failed: {_text(result)}")
    _say(f"   The answer: {_text(result)}".replace("\n", "\n               "))
    return result.structured_content or {}


def _text(result: CallToolResult) -> str:
    return "\n".join(part.text for part in result.content if isinstance(part, TextContent))


def _say(line: str) -> None:
    print(line, flush=True)


def _environment() -> dict[str, str]:
    """The demo shows this machine alone: the user's own settings and proxies stay out of it."""
    return {
        name: value for name, value in os.environ.items() if not name.upper().startswith(("IMG402_", "HTTP", "ALL_"))
    }


@contextmanager
def _host(data: Path) -> Iterator[str]:
    command = (*_PROGRAM, "host", "--port", "0", "--data", str(data))
    with subprocess.Popen(command, env=_environment() | _SELLING, stderr=subprocess.PIPE, text=True) as program:  # noqa: S603  # our own program
        try:
            assert program.stderr is not None  # noqa: S101  # it is piped
            lines: list[str] = []
            for line in program.stderr:
                lines.append(line)
                if "http://" in line:
                    break
            else:
                raise SystemExit("The host did not start: " + "".join(lines))
            # Its log goes on, and a full pipe would stop the host: on Windows one takes some kilobytes.
            log = Thread(target=deque, args=(program.stderr, 0))
            log.start()
            try:
                yield next(word.rstrip(",") for word in lines[-1].split() if word.startswith("http://"))
            finally:
                program.terminate()
                log.join()
        finally:
            program.terminate()


@asynccontextmanager
async def _agent(
    api: str, pictures: Path, folder: Path, more: Mapping[str, str] | None = None
) -> AsyncIterator[Client]:
    ours = {
        "IMG402_API_URL": api,
        "IMG402_ALLOW_DIRS": str(pictures),
        "IMG402_STATE_DIR": str(folder / "state"),
    }
    environment = {**_environment(), **ours, **(more or {})}
    async with Client(StdioServerParameters(command=_PROGRAM[0], args=list(_PROGRAM[1:]), env=environment)) as client:
        yield client


class _Losing:
    """A proxy that passes everything on, but breaks off when the first payment is answered."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.lost = False

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Yields its address."""
        async with (
            await anyio.create_tcp_listener(local_host="127.0.0.1") as listener,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(listener.serve, self.pass_on)
            yield f"http://127.0.0.1:{listener.extra_attributes[SocketAttribute.local_port]()}"
            tasks.cancel_scope.cancel()

    async def pass_on(self, client: SocketStream) -> None:
        paid = False

        async def requests() -> None:
            nonlocal paid
            async for piece in client:
                paid = paid or b"payment-signature:" in piece.lower()
                await host.send(piece)

        async def answers() -> None:
            async for piece in host:
                if paid and not self.lost:
                    self.lost = True
                    break
                await client.send(piece)
            await client.aclose()

        async with client, await anyio.connect_tcp("127.0.0.1", self._port) as host, anyio.create_task_group() as tasks:
            tasks.start_soon(_until_closed, requests, tasks.cancel_scope)
            tasks.start_soon(_until_closed, answers, tasks.cancel_scope)


async def _until_closed(pump: Callable[[], Awaitable[None]], both: anyio.CancelScope) -> None:
    with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
        await pump()
    both.cancel()


if __name__ == "__main__":
    sys.exit(main())
