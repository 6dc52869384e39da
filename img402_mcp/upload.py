"""The corridor: a path becomes an image, the image is made ready and goes to the API, the answer comes back."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from time import time

import anyio
import httpx2
from anyio.to_thread import run_sync

from img402_mcp.config import Settings
from img402_mcp.errors import Img402Error, ReadRefused, SettingsError, UploadFailed, UploadRejected, quoted
from img402_mcp.formats import FORMATS
from img402_mcp.images.fitting.parent import fitted
from img402_mcp.images.reading import Image, Roots, read_image
from img402_mcp.images.scrubbing import NotClean, scrubbed
from img402_mcp.ledger import Entry, Ledger
from img402_mcp.named_urls import NamedUrls
from img402_mcp.sending import Send, reporting, sending
from img402_mcp.services.base import Receipt
from img402_mcp.services.img402 import DOCUMENTED_FREE_BYTES, Img402
from img402_mcp.snippets import WIDEST, snippet
from img402_mcp.verifying import Sent, Verdict, Verifying
from img402_mcp.wire.img402 import Limits

Progress = Callable[[int, int], Awaitable[None]]
"""Told the bytes sent so far and in all."""

LIMITS_LIFE = 600.0  # seconds: an operator who moves a limit is obeyed soon, and by the API itself at once
MOST_REFUSALS = 2  # of one image, before what the third upload is answered stands
MEDIA_TYPES = tuple(kind.media_type for kind in FORMATS)
FREE = "free"
PAID = "paid"


@dataclass(frozen=True)
class Wish:
    """What is asked of one upload. `width` in CSS pixels makes the snippet an `<img>`; 0: plain markdown."""

    fit: bool = True
    fresh: bool = False
    width: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.width <= WIDEST:
            raise ReadRefused(f"width {self.width} is no width in pixels; give 1 to {WIDEST}. Nothing was sent.")


AS_USUAL = Wish()
_log = logging.getLogger("img402_mcp.upload")


@dataclass(frozen=True)
class Upload:
    receipt: Receipt
    width: int
    height: int
    markdown: str
    reused: bool = False
    """It was uploaded before: this is the URL of then."""
    done: tuple[str, ...] = ()
    """What was done to the image before it was sent."""
    verified: bool | None = None
    """Whether the URL answers with the image; None: not asked."""
    notes: tuple[str, ...] = ()


class Stated:
    """The limits that the API states of itself: asked for where they matter, and then kept for some minutes."""

    def __init__(self, service: Img402, send: Send) -> None:
        self._service, self._send = service, send
        self._limits: Limits | None = None
        self._stale_at = 0.0
        self._lock = anyio.Lock()

    async def __call__(self) -> Limits | None:
        """None where the API states none, or does not answer."""
        async with self._lock:
            if anyio.current_time() >= self._stale_at:
                try:
                    self._limits = await self._service.limits(self._send)
                except UploadFailed:
                    return None
                self._stale_at = anyio.current_time() + LIMITS_LIFE
            return self._limits


@dataclass(frozen=True)
class Corridor:
    """What every upload shares: the allow-list, the API, the warm connections, the memory of what was uploaded."""

    settings: Settings
    roots: Roots
    service: Img402
    send: Send
    stated: Stated
    ledger: Ledger | None
    """None: switched off, or it cannot be opened."""
    verifying: Verifying | None

    async def upload(self, path: str, progress: Progress | None = None, wish: Wish = AS_USUAL) -> Upload:
        """The free upload. Raises ReadRefused, UploadRejected, UploadFailed."""
        image = await self.read(path)
        if not wish.fresh and (known := await self._known(image, wish)):
            return known
        image, receipt = await self._sent(image, progress, wish)
        return await self.told(image, receipt, wish, FREE)

    async def read(self, path: str) -> Image:
        """Scrubbed, where that is not switched off. Raises ReadRefused."""
        return await run_sync(self._read, path)

    async def fitting(self, image: Image, limit: int, wish: Wish, media_types: Collection[str] = MEDIA_TYPES) -> Image:
        """The image in at most `limit` bytes; as it is, where it fits or must not be touched. Raises ReadRefused."""
        if len(image.data) <= limit or not wish.fit:
            return image
        smaller = await fitted(image.data, image.picture, limit, media_types)
        return replace(image, data=smaller.data, picture=smaller.picture, done=(*image.done, smaller.step))

    async def told(self, image: Image, receipt: Receipt, wish: Wish, terms: str, price: int = 0) -> Upload:
        """The answer, once the URL is known: nothing that fails from here on may hide it."""
        sent = sent_facts(image)
        verdict = await self._verdict(receipt.url, sent)
        trouble = await self._remembered(self._entry_of(image, sent, receipt, wish, terms, price))
        upload = uploaded(image, receipt, wish)
        return replace(judged(upload, verdict), notes=(*_doubts(verdict), *trouble))

    def _read(self, path: str) -> Image:
        scrub = self.settings.scrub
        image = read_image(path, self.roots, limit=self.settings.max_bytes, trailing="keep" if scrub else "refuse")
        return clean(image, path) if scrub else image

    async def _sent(self, image: Image, progress: Progress | None, wish: Wish) -> tuple[Image, Receipt]:
        """What the API states is met beforehand; what it says of a file that is too large, afterwards.

        Nothing is made smaller on a guess: an API that states nothing gets the file as it is.
        """
        if wish.fit and len(image.data) > min(DOCUMENTED_FREE_BYTES) and (stated := await self.stated()):
            image = await self.fitting(image, stated.free.max_bytes, wish)
        for _ in range(MOST_REFUSALS):
            try:
                return image, await self.service.upload(image, reported(self.send, image, progress))
            except UploadRejected as error:
                limit = _limit_told(error, len(image.data))
                if not wish.fit or limit is None:
                    raise
                image = await self.fitting(image, limit, wish)
        return image, await self.service.upload(image, reported(self.send, image, progress))

    async def _known(self, image: Image, wish: Wish) -> Upload | None:
        """The living URL of the same bytes, sent under the same terms."""
        entry = await self._entry(image, wish)
        if entry is None:
            return None
        verdict = await self._verdict(entry.url, Sent(entry.content_type, entry.size_bytes, entry.sent))
        if verdict and verdict.gone:
            await self._forgotten(entry)
            return None
        receipt = Receipt(entry.url, entry.id, entry.content_type, entry.size_bytes, _moment(entry.expires_at))
        markdown = snippet(image.path, entry.url, wish.width)
        done = (entry.done,) if entry.done else ()
        upload = Upload(receipt, entry.width, entry.height, markdown, reused=True, done=done)
        return replace(judged(upload, verdict), notes=_doubts(verdict))

    async def _entry(self, image: Image, wish: Wish) -> Entry | None:
        if self.ledger is None:
            return None
        try:
            return await run_sync(
                self.ledger.reusable, self.settings.api_url, FREE, image.source, self._preparation(wish), time()
            )
        except Img402Error:
            return None  # what cannot be looked up is uploaded

    async def _forgotten(self, entry: Entry) -> None:
        if self.ledger is not None:
            with suppress(Img402Error):
                await run_sync(self.ledger.gone, entry.url)

    async def _verdict(self, url: str, sent: Sent) -> Verdict | None:
        return await self.verifying.verdict(url, sent) if self.verifying else None

    async def _remembered(self, entry: Entry) -> tuple[str, ...]:
        if self.ledger is None:
            return ()
        try:
            await run_sync(self.ledger.remember, entry)
        except Img402Error as error:
            return (f"Not remembered: {error}",)
        return ()

    def _entry_of(self, image: Image, sent: Sent, receipt: Receipt, wish: Wish, terms: str, price: int) -> Entry:  # noqa: PLR0913, PLR0917  # a row of facts
        return Entry(
            at=time(),
            path=str(image.path),
            source=image.source,
            sent=sent.sha256,
            url=receipt.url,
            id=receipt.id,
            api=self.settings.api_url,
            terms=terms,
            preparation=self._preparation(wish),
            content_type=receipt.content_type,
            size_bytes=receipt.size_bytes,
            width=image.picture.width,
            height=image.picture.height,
            expires_at=receipt.expires_at.timestamp() if receipt.expires_at else None,
            expiry_known=not receipt.notes,
            price=price,
            done="; ".join(image.done),
        )

    def _preparation(self, wish: Wish) -> str:
        """What was asked for: the same file prepared otherwise is another upload."""
        return " ".join(name for name, asked in (("scrub", self.settings.scrub), ("fit", wish.fit)) if asked)


@asynccontextmanager
async def open_corridor(
    settings: Settings, roots: Roots, transport: httpx2.AsyncBaseTransport | None = None
) -> AsyncIterator[Corridor]:
    async with sending(transport) as send:
        service, url = Img402(settings.api_url), settings.api_url
        verifying = Verifying(url, send, NamedUrls(url, transport)) if settings.verify else None
        async with _opened_ledger(settings) as ledger:
            yield Corridor(settings, roots, service, send, Stated(service, send), ledger, verifying)


@asynccontextmanager
async def _opened_ledger(settings: Settings) -> AsyncIterator[Ledger | None]:
    """An upload without a memory is worth more than none: `doctor` tells what is wrong with the folder."""
    try:
        ledger = await run_sync(Ledger.open, settings.state_dir) if settings.ledger else None
    except SettingsError as error:
        _log.warning("Uploads are not remembered: %s", error)
        ledger = None
    try:
        yield ledger
    finally:
        if ledger is not None:
            ledger.close()


def clean(image: Image, path: str) -> Image:
    """Without what no viewer shows. Raises ReadRefused."""
    try:
        result = scrubbed(image.data, image.picture)
    except NotClean as error:
        raise ReadRefused(
            f"{quoted(path)} {error}, so what it tells beside the picture could not be taken out; nothing was sent. "
            "Save it anew from an image program, or set IMG402_SCRUB=off to send it as it is."
        ) from error
    removed = (f"removed: {', '.join(result.removed)}",) if result.removed else ()
    return replace(image, data=result.data, picture=result.picture, done=(*image.done, *removed))


def uploaded(image: Image, receipt: Receipt, wish: Wish = AS_USUAL, *, reused: bool = False) -> Upload:
    size, markdown = image.picture, snippet(image.path, receipt.url, wish.width)
    return Upload(receipt, size.width, size.height, markdown, reused, image.done)


def sent_facts(image: Image) -> Sent:
    digest = sha256(image.data).hexdigest() if image.done else image.source
    return Sent(image.picture.format.media_type, len(image.data), digest)


def judged(upload: Upload, verdict: Verdict | None) -> Upload:
    return replace(upload, verified=verdict.verified if verdict else None)


def _doubts(verdict: Verdict | None) -> tuple[str, ...]:
    return (f"The URL {verdict.why}.",) if verdict and not verdict.verified else ()


def _limit_told(error: UploadRejected, size: int) -> int | None:
    """The limit that a refusal names, else the next documented one below; None for a refusal of another kind.

    Its words may name the size of the file as well, rounded.
    """
    if error.code != "file_too_large":
        return None
    below = [named for named in error.sizes if named < size]
    limits = [named for named in below if named < size * 0.98]
    if below:
        return max(limits) if limits else min(below)
    return max((limit for limit in DOCUMENTED_FREE_BYTES if limit < size), default=None)


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


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
