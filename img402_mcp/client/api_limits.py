"""The limits that an API states: requested if they matter, and then kept for a few minutes."""

import anyio

from img402_mcp.client import deadline
from img402_mcp.client.apis.base import Receipt
from img402_mcp.client.apis.img402 import DOCUMENTED_PAID_BYTES, Img402
from img402_mcp.client.http import Send
from img402_mcp.client.lifetimes import Lifetimes, life_note, lifetimes
from img402_mcp.client.settings import HOSTED_API
from img402_mcp.errors import UploadFailed
from img402_mcp.wire.img402 import Limits

LIFE = 600.0  # seconds: a moved limit counts here soon, and in the API at once
LIFE_OF_SILENCE = 60.0  # an API that does not answer is not asked again for each image
TIMEOUT = 5.0


class ApiLimits:
    def __init__(self, service: Img402, send: Send, timeout: float = TIMEOUT) -> None:
        self._service, self._send, self._timeout = service, send, timeout
        self._limits: Limits | None = None
        self._stale_at = 0.0
        self._lock = anyio.Lock()

    async def __call__(self) -> Limits | None:
        """None if the API states none, or does not answer in time."""
        async with self._lock:
            if anyio.current_time() >= self._stale_at:
                self._limits, life = await self._fetch()
                self._stale_at = anyio.current_time() + life
            return self._limits

    async def lifetimes(self) -> Lifetimes:
        """As they are stated, else as they are documented."""
        return lifetimes(await self())

    async def life_note(self, receipt: Receipt, *, was_kept: bool) -> str:
        """For a free upload. Asks the API only if it expires."""
        if receipt.expires_at is None:
            return ""
        return life_note(receipt.expires_at, receipt.size_bytes, await self.lifetimes(), was_kept=was_kept)

    async def paid_bytes(self) -> int | None:
        """What the API states for paid uploads, else the newest documented limit; None: not known."""
        limits = await self()
        if limits and limits.paid:
            return limits.paid.max_bytes
        return DOCUMENTED_PAID_BYTES if self._service.api_url == HOSTED_API else None

    async def _fetch(self) -> tuple[Limits | None, float]:
        try:
            with deadline.current().limit(self._timeout):
                return await self._service.limits(self._send), LIFE
        except (TimeoutError, UploadFailed):
            return None, LIFE_OF_SILENCE
