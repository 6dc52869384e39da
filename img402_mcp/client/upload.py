"""The uploader: it reads an image from a path, prepares it, sends it to the API and returns the answer."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256

import httpx2
from anyio.to_thread import run_sync

from img402_mcp.client.api_limits import MEDIA_TYPES, ApiLimits, Bounds, too_large_to_last
from img402_mcp.client.apis.base import Receipt, on_sent
from img402_mcp.client.apis.img402 import DOCUMENTED_FREE_BYTES, Img402
from img402_mcp.client.files.allow_list import AllowList
from img402_mcp.client.files.image import Image, Trailing, read_image
from img402_mcp.client.files.roots import Roots
from img402_mcp.client.fit.messages import warnings
from img402_mcp.client.fit.subprocess import fitted
from img402_mcp.client.history import History
from img402_mcp.client.http import Send, sending
from img402_mcp.client.image_bytes import clean, demand_whole
from img402_mcp.client.reuse import FREE, Reuse, Terms, opened, receipt_of
from img402_mcp.client.settings.model import Settings
from img402_mcp.client.snippets import WIDEST, snippet
from img402_mcp.client.ssrf_guard import SsrfGuard
from img402_mcp.client.verify import SentImage, Verdict, Verifier
from img402_mcp.errors import ReadRefused, UploadRejected, quoted

Progress = Callable[[int, int], Awaitable[None]]
"""Gets the bytes sent so far, and the total."""

KEPT_SCALE = 50
"""Percent of its width and height: keep refuses to scale below this."""
MAX_REFUSALS = 2  # of one image; the answer to the third one is final
OTHERWISE = "An earlier call delivered it, prepared in a different way than this call would."


@dataclass(frozen=True)
class UploadOptions:
    """The options of one upload. `width` in CSS pixels makes the snippet an `<img>`; 0: plain markdown.

    `keep`: make it small enough to be kept longest; None: as IMG402_KEEP says. `on_stage` gets the name of each stage
    as it begins: "fitting", "preparing", "checking the URL".
    """

    fit: bool = True
    fresh: bool = False
    width: int = 0
    keep: bool | None = None
    on_stage: Callable[[str], None] = field(default=lambda _: None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not 0 <= self.width <= WIDEST:
            raise ReadRefused(f"width {self.width} is not a width in pixels; give 1 to {WIDEST}. Nothing was sent.")


DEFAULT_OPTIONS = UploadOptions()


@dataclass(frozen=True)
class Upload:
    receipt: Receipt
    width: int
    height: int
    markdown: str
    reused: bool = False
    """It was uploaded before; this is its existing URL."""
    done: tuple[str, ...] = ()
    """The steps that prepared the image."""
    verified: bool | None = None
    """Whether the URL answers with the image; None if it was not requested."""
    notes: tuple[str, ...] = ()
    life: str = ""
    """When it expires, and how to make it last; empty if it never does, or that is unknown."""


@dataclass(frozen=True)
class Uploader:
    """Shared by all uploads: the allow-list, the API, the warm connections, the memory of earlier uploads."""

    settings: Settings
    allow_list: AllowList
    service: Img402
    send: Send
    api_limits: ApiLimits
    reuse: Reuse
    verifier: Verifier | None
    transport: httpx2.AsyncBaseTransport | None = None
    """Replaces the network in tests."""

    @property
    def roots(self) -> Roots:
        """As of now."""
        return self.allow_list.roots()

    @property
    def history(self) -> History | None:
        return self.reuse.history

    async def upload(
        self, path: str, progress: Progress | None = None, options: UploadOptions = DEFAULT_OPTIONS
    ) -> Upload:
        """The free upload. Raises ReadRefused, UploadRejected, UploadFailed."""
        return await self.upload_image(await self.read(path, fit=options.fit), progress, options)

    async def upload_image(
        self, image: Image, progress: Progress | None = None, options: UploadOptions = DEFAULT_OPTIONS
    ) -> Upload:
        """The same for an image that has already been read."""
        goal = await self._goal(image, options)
        if options.fresh or self.history is None:
            return await self._uploaded(image, progress, options, goal)
        async with self.reuse.turn(image):
            known = await self._known(image, options, goal)
            return known or await self._uploaded(image, progress, options, goal)

    async def read(self, path: str | Image, *, exact: bool = False, fit: bool = True) -> Image:
        """Repaired, and scrubbed unless that is switched off; `exact` as in `read_image`. Raises ReadRefused.

        With `fit` also formats that `fitting` has to convert. An image that was read before is not read again.
        """
        if isinstance(path, Image):
            return path
        image = await run_sync(self._read, path, exact, fit)
        await demand_whole(image, quoted(path))
        return image

    async def fitting(
        self,
        image: Image,
        limit: int | None,
        options: UploadOptions,
        media_types: Collection[str] = MEDIA_TYPES,
        least_scale: int = 1,
    ) -> Image:
        """The image in at most `limit` bytes, if a limit is known; unchanged if it already fits. Raises ReadRefused."""
        is_taken = limit is None or len(image.data) <= limit
        if not options.fit or (is_taken and not image.must_be_converted):
            return image
        most = limit or max(DOCUMENTED_FREE_BYTES)
        options.on_stage("fitting")
        smaller = await fitted(image.data, image.picture, most, media_types, least_scale=least_scale)
        options.on_stage("preparing")
        ready = replace(image, data=smaller.data, picture=smaller.picture, done=(*image.done, smaller.step))
        return clean(ready, "The image") if image.must_be_converted and self.settings.scrub else ready

    async def fitting_taken(
        self, image: Image, limit: int, options: UploadOptions, media_types: Collection[str]
    ) -> Image:
        """The same for an API with few formats: an image in another format stays as it is, to be refused as such."""
        is_taken = image.picture.format.media_type in media_types or image.must_be_converted
        return await self.fitting(image, limit, options, media_types) if is_taken else image

    async def complete(  # noqa: PLR0913, PLR0917  # the facts of one upload
        self,
        image: Image,
        receipt: Receipt,
        options: UploadOptions,
        kind: str,
        price: int = 0,
        goal: int | None = None,
    ) -> Upload:
        """The answer, once the URL is known: no later failure may hide it."""
        if receipt.size_bytes != len(image.data):
            return replace(uploaded(replace(image, done=()), receipt, options), notes=(*image.notes, OTHERWISE))
        digest = sha256(image.data).hexdigest() if image.done else image.source
        sent = SentImage(image.picture.format.media_type, len(image.data), digest)
        trouble = await self.reuse.remember(image, sent, receipt, self._terms(options, kind, price, goal))
        options.on_stage("checking the URL")
        verdict = await self._verdict(receipt.url, sent)
        answer = uploaded(image, receipt, options)
        life = await self.api_limits.life_note(receipt, was_kept=goal is not None) if kind == FREE else ""
        notes = (*image.notes, *answer.notes, *_doubts(verdict), *trouble)
        return replace(answer, verified=verdict.verified if verdict else None, notes=notes, life=life)

    def _read(self, path: str, exact: bool, fit: bool) -> Image:  # noqa: FBT001  # run_sync takes no keywords
        scrub, most = self.settings.scrub, self.settings.max_bytes
        trailing: Trailing = "keep" if scrub else "refuse"
        image = read_image(path, self.roots, limit=most, trailing=trailing, exact=exact, converts=fit)
        return clean(image, quoted(path)) if scrub and not image.must_be_converted else image

    async def _goal(self, image: Image, options: UploadOptions) -> int | None:
        """The size in bytes that it must be reduced to, to be kept longest; None if that is not requested, or it
        already lives longest. An image that has yet to be converted has no size. Raises ReadRefused.
        """
        if not (self.settings.keep if options.keep is None else options.keep):
            return None
        size = None if image.must_be_converted else len(image.data)
        goal = (await self.api_limits.lifetimes()).goal(size)
        if goal and options.keep and not options.fit:
            raise ReadRefused(too_large_to_last(len(image.data), goal))
        return goal if options.fit else None

    async def _uploaded(
        self, image: Image, progress: Progress | None, options: UploadOptions, goal: int | None
    ) -> Upload:
        image, receipt = await self._sent(image, progress, options, goal)
        return await self.complete(image, receipt, options, FREE, goal=goal)

    async def _sent(
        self, original: Image, progress: Progress | None, options: UploadOptions, goal: int | None
    ) -> tuple[Image, Receipt]:
        """Stated limits are met beforehand; limits named in a refusal, afterwards. Nothing is made smaller on a guess:
        an API that states no limits gets the file as it is.
        """
        image, bounds, scale = original, Bounds(), KEPT_SCALE if goal else 1
        is_small = len(image.data) <= min(DOCUMENTED_FREE_BYTES) and not image.must_be_converted
        if options.fit and (goal or not is_small):
            limits = await self.api_limits()
            bounds = Bounds(limits.free.max_bytes, frozenset(limits.formats) & {*MEDIA_TYPES}) if limits else bounds
            image = await self.fitting(original, goal or bounds.limit, options, bounds.media_types, scale)
        for _ in range(MAX_REFUSALS):
            try:
                return image, await self.service.upload(image, self.send, on_sent(image, progress))
            except UploadRejected as error:
                met = bounds.after(error, image, original) if options.fit else None
                if met is None:
                    raise
                bounds, limit = met, min(filter(None, (goal, met.limit)), default=None)
                image = await self.fitting(original, limit, options, met.media_types, scale)
        return image, await self.service.upload(image, self.send, on_sent(image, progress))

    async def _known(self, image: Image, options: UploadOptions, goal: int | None) -> Upload | None:
        """The URL of the same bytes, sent on the same terms; not if it turns out that it no longer serves them."""
        entry = await self.reuse.reusable(image, self._terms(options, FREE, goal=goal))
        if entry is None and goal:
            plain = await self.reuse.reusable(image, self._terms(options, FREE))
            entry = plain if plain and plain.expires_at is None else None
        if entry is None:
            return None
        verdict = await self._verdict(entry.url, SentImage(entry.content_type, entry.size_bytes, entry.sent))
        if verdict and verdict.refuted:
            await self.reuse.gone(entry.url)
            return None
        markdown, done = snippet(image.path, entry.url, options.width), (entry.done,) if entry.done else ()
        receipt = receipt_of(entry)
        verified = verdict.verified if verdict else None
        notes = (*image.notes, *warnings(done), *_doubts(verdict))
        life = await self.api_limits.life_note(receipt, was_kept=goal is not None)
        return Upload(receipt, entry.width, entry.height, markdown, True, done, verified, notes, life)

    async def _verdict(self, url: str, sent: SentImage) -> Verdict | None:
        return await self.verifier.verdict(url, sent) if self.verifier else None

    def _terms(self, options: UploadOptions, kind: str, price: int = 0, goal: int | None = None) -> Terms:
        """The same file with a different preparation is another upload."""
        steps = (("scrub", self.settings.scrub), ("fit", options.fit), ("keep", goal is not None))
        return Terms(kind, " ".join(name for name, wanted in steps if wanted), price)


@asynccontextmanager
async def open_uploader(
    settings: Settings, roots: Roots | AllowList, transport: httpx2.AsyncBaseTransport | None = None
) -> AsyncIterator[Uploader]:
    allow_list = roots if isinstance(roots, AllowList) else AllowList(roots)
    service, url = Img402(settings.api_url), settings.api_url
    async with sending(transport) as send, opened(settings) as reuse:
        verifier = Verifier(url, send, SsrfGuard(url, transport)) if settings.verify else None
        yield Uploader(settings, allow_list, service, send, ApiLimits(service, send), reuse, verifier, transport)


def uploaded(
    image: Image, receipt: Receipt, options: UploadOptions = DEFAULT_OPTIONS, *, reused: bool = False
) -> Upload:
    size, markdown = image.picture, snippet(image.path, receipt.url, options.width)
    return Upload(receipt, size.width, size.height, markdown, reused, image.done, notes=warnings(image.done))


def _doubts(verdict: Verdict | None) -> tuple[str, ...]:
    return (f"The URL {verdict.why}.",) if verdict and not verdict.verified else ()
