"""The memory of an API's uploads: the history as the uploader uses it. A failure here never hides a URL."""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from time import time
from typing import TypeVar

import anyio
from anyio.to_thread import run_sync

from img402_mcp.client.apis.base import Receipt
from img402_mcp.client.files.image import Image
from img402_mcp.client.history import History, HistoryEntry
from img402_mcp.client.settings.model import Settings
from img402_mcp.client.verify import SentImage
from img402_mcp.errors import Img402Error, SettingsError
from img402_mcp.wire.moments import moment_of

T = TypeVar("T")
FREE = "free"
PAID = "paid"
_log = logging.getLogger("img402_mcp.client.reuse")


@dataclass(frozen=True)
class Terms:
    """The terms of an upload: `kind` FREE or PAID, the requested preparation, and the price in atomic USDC."""

    kind: str
    preparation: str
    price: int = 0


@dataclass
class _Turn:
    lock: anyio.Lock = field(default_factory=anyio.Lock)
    waiting: int = 0


@dataclass(frozen=True)
class Reuse:
    api_url: str
    history: History | None
    """None if it is switched off or cannot be opened."""
    _turns: dict[str, _Turn] = field(default_factory=dict)

    @asynccontextmanager
    async def turn(self, image: Image) -> AsyncIterator[None]:
        """One upload at a time for the same bytes: the second finds the result of the first."""
        turn = self._turns.setdefault(image.source, _Turn())
        turn.waiting += 1
        try:
            async with turn.lock:
                yield
        finally:
            turn.waiting -= 1
            if not turn.waiting:
                del self._turns[image.source]

    async def reusable(self, image: Image, terms: Terms) -> HistoryEntry | None:
        """The earlier upload of the same file on the same terms, while its URL lives."""
        wanted = self.api_url, terms.kind, image.source, terms.preparation, time()
        return await self._asked(History.reusable, *wanted)  # if the lookup fails, the file is uploaded

    async def delete_url(self, url: str) -> str:
        """The URL that deletes the image at that URL; empty if it is unknown."""
        return await self._asked(History.delete_url, url) or ""

    async def gone(self, url: str) -> None:
        await self._asked(History.gone, url)

    async def _asked(self, ask: Callable[..., T], *values: object) -> T | None:
        if self.history is not None:
            with suppress(Img402Error):
                return await run_sync(ask, self.history, *values)
        return None

    async def remember(self, image: Image, sent: SentImage, receipt: Receipt, terms: Terms) -> tuple[str, ...]:
        """Also while the call is being cut off: nobody else knows the URL. An error is returned as a note."""
        if self.history is None:
            return ()
        entry = self._entry(image, sent, receipt, terms)
        with anyio.CancelScope(shield=True):
            try:
                await run_sync(self.history.remember, entry)
            except Img402Error as error:
                return (f"Not remembered: {error}",)
        return ()

    def _entry(self, image: Image, sent: SentImage, receipt: Receipt, terms: Terms) -> HistoryEntry:
        return HistoryEntry(
            at=time(),
            path=str(image.path),
            source=image.source,
            sent=sent.sha256,
            url=receipt.url,
            id=receipt.id,
            api=self.api_url,
            terms=terms.kind,
            preparation=terms.preparation,
            content_type=receipt.content_type,
            size_bytes=receipt.size_bytes,
            width=image.picture.width,
            height=image.picture.height,
            expires_at=receipt.expires_at.timestamp() if receipt.expires_at else None,
            expiry_known=not receipt.notes,
            price=terms.price,
            done="; ".join(image.done),
            delete_url=receipt.delete_url,
        )


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Reuse]:
    """An upload without a history is better than no upload: `doctor` reports the fault of the folder."""
    try:
        history = await run_sync(History.open, settings.state_dir) if settings.history else None
    except SettingsError as error:
        _log.warning("Uploads are not remembered: %s", error)
        history = None
    try:
        yield Reuse(settings.api_url, history)
    finally:
        if history is not None:
            history.close()


def receipt_of(entry: HistoryEntry) -> Receipt:
    expiry = None if entry.expires_at is None else moment_of(entry.expires_at)
    return Receipt(entry.url, entry.id, entry.content_type, entry.size_bytes, expiry, delete_url=entry.delete_url)
