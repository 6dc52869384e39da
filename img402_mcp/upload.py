"""The corridor: a path becomes an image, the image goes to the API, the answer comes back."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio.to_thread
import httpx2

from img402_mcp.config import Settings
from img402_mcp.images.reading import Image, Roots, read_image
from img402_mcp.sending import Send, reporting, sending
from img402_mcp.services.base import Receipt
from img402_mcp.services.img402 import Img402

Progress = Callable[[int, int], Awaitable[None]]
"""Told the bytes sent so far and in all."""


@dataclass(frozen=True)
class Upload:
    receipt: Receipt
    width: int
    height: int
    markdown: str
    reused: bool = False
    """It was paid for and uploaded before: this is the URL of then."""


@dataclass(frozen=True)
class Corridor:
    """What every upload shares: the allow-list, the API, the warm connections."""

    settings: Settings
    roots: Roots
    service: Img402
    send: Send

    async def upload(self, path: str, progress: Progress | None = None) -> Upload:
        """Raises ReadRefused, UploadRejected, UploadFailed."""
        image = await self.read(path)
        return uploaded(image, await self.service.upload(image, reported(self.send, image, progress)))

    async def read(self, path: str) -> Image:
        """Raises ReadRefused."""
        return await anyio.to_thread.run_sync(self._read, path)

    def _read(self, path: str) -> Image:
        return read_image(path, self.roots, limit=self.settings.max_bytes)


@asynccontextmanager
async def open_corridor(
    settings: Settings, roots: Roots, transport: httpx2.AsyncBaseTransport | None = None
) -> AsyncIterator[Corridor]:
    async with sending(transport) as send:
        yield Corridor(settings, roots, Img402(settings.api_url), send)


def uploaded(image: Image, receipt: Receipt, *, reused: bool = False) -> Upload:
    size = image.picture
    return Upload(receipt, size.width, size.height, snippet(image.path, receipt.url), reused)


def reported(send: Send, image: Image, progress: Progress | None) -> Send:
    if progress is None:
        return send
    total, furthest = len(image.data), 0

    async def on_sent(sent: int) -> None:
        """Only forwards, as MCP demands: a second try begins anew."""
        nonlocal furthest
        if min(sent, total) > furthest:
            furthest = min(sent, total)
            await progress(furthest, total)

    return reporting(send, on_sent)


_MARKDOWN = re.compile(r"[\\`*_\[\]<>&!|~#]")


def snippet(path: Path, url: str) -> str:
    """`![shot](https://...)`: the file's stem as escaped alt text, the URL with its parentheses encoded."""
    name = "".join(mark if mark.isprintable() else " " for mark in path.stem)[:80]
    alt = _MARKDOWN.sub(r"\\\g<0>", name)
    return f"![{alt}]({url.replace('(', '%28').replace(')', '%29')})"
