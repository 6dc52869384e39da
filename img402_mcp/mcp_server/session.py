"""The state that a running server's tools share, and the context of one tool call."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from secrets import token_hex
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

import anyio

from img402_mcp.client.deadline import CALL_SECONDS, current
from img402_mcp.mcp_server.approval import Approval

if TYPE_CHECKING:
    from pathlib import Path

    import httpx2
    from mcp.server.mcpserver import Context

    from img402_mcp.client.files.allow_list import AllowList
    from img402_mcp.client.files.image import Image
    from img402_mcp.client.paid_upload import PaidUploader
    from img402_mcp.client.settings.model import Settings
    from img402_mcp.client.upload import Uploader, UploadOptions

T = TypeVar("T")
Images = dict[tuple[str, bool], "Image"]
"""By path and `fit`."""


@dataclass
class Session:
    """The uploaders: each is imported and opened at its first use, to keep the start fast."""

    settings: "Settings"
    allow_list: "AllowList"
    transport: "httpx2.AsyncBaseTransport | None"
    stack: AsyncExitStack
    call_seconds: float
    asked_for: "set[Path]" = field(default_factory=set)
    """Folders that the person was asked about, and has answered."""
    _opened: dict[object, object] = field(default_factory=dict)
    _lock: anyio.Lock = field(default_factory=anyio.Lock)
    _read: dict[str, Images] = field(default_factory=dict)

    @property
    def has_wallet(self) -> bool:
        return self.settings.money.wallet is not None

    async def uploader(self) -> "Uploader":
        async def opened() -> "Uploader":
            from img402_mcp.client.upload import open_uploader  # noqa: PLC0415

            return await self.stack.enter_async_context(open_uploader(self.settings, self.allow_list, self.transport))

        return await self._once("uploader", opened)

    async def paid(self) -> "PaidUploader":
        from img402_mcp.client.paid_upload import open_paid_uploader  # noqa: PLC0415

        return await self.opened(open_paid_uploader)

    async def opened(self, opening: "Callable[[Uploader], AbstractContextManager[T]]") -> T:
        """The result of an API's `open_...`; the tool imports that function at its first call."""
        uploader = await self.uploader()

        async def opened() -> T:
            return self.stack.enter_context(opening(uploader))

        return await self._once(opening, opened)

    def keep(self, images: Images) -> str:
        """Until the user has answered its question. Only for one call, since images are large."""
        call = token_hex(8)
        self._read = {call: images}
        return call

    def taken(self, call: str) -> Images:
        return self._read.pop(call, {})

    async def _once(self, key: object, opening: Callable[[], Awaitable[T]]) -> T:
        async with self._lock:
            if key not in self._opened:
                self._opened[key] = await opening()
            return cast("T", self._opened[key])


@asynccontextmanager
async def open_session(
    settings: "Settings",
    allow_list: "AllowList",
    transport: "httpx2.AsyncBaseTransport | None" = None,
    call_seconds: float = CALL_SECONDS,
) -> AsyncIterator[Session]:
    async with AsyncExitStack() as stack:
        yield Session(settings, allow_list, transport, stack, call_seconds)


class ToolContext(NamedTuple):
    """Of one call."""

    session: Session
    request: "Context[Any, Any]"
    approval: Approval
    images: Images
    """The user agreed to pay for these bytes; no file is read twice."""

    async def read(self, uploader: "Uploader", path: str, options: "UploadOptions") -> "Image":
        """Reads the image for a paid upload. Raises ReadRefused."""
        if (key := (path, options.fit)) not in self.images:
            self.images[key] = await uploader.read(path, exact=True, fit=options.fit)
        return self.images[key]

    async def progress(self, sent: int, total: int) -> None:
        await self.report(sent, total, "uploading")

    async def report(self, done: int, total: int, message: str) -> None:
        current().moved()
        await self.request.report_progress(done, total, message)
