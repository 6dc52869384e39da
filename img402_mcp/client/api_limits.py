"""The limits of an API: what it states, requested if it matters and then kept for a few minutes; what it has named in a
refusal; and how long it keeps an image. Terms change, so the documented ones are a guess, and the expiry in an answer
has the last word.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from math import inf
from typing import NamedTuple

import anyio

from img402_mcp.caller import worded
from img402_mcp.client import deadline
from img402_mcp.client.apis.base import Receipt
from img402_mcp.client.apis.img402 import (
    DOCUMENTED_FREE_BYTES,
    DOCUMENTED_FREE_TIERS,
    DOCUMENTED_ON,
    DOCUMENTED_PAID_BYTES,
    Img402,
    sizes_in,
)
from img402_mcp.client.files.image import Image
from img402_mcp.client.http import Send
from img402_mcp.client.settings.variables import HOSTED_API
from img402_mcp.errors import UploadFailed, UploadRejected
from img402_mcp.formats import FORMATS
from img402_mcp.wire.img402 import Limits, PaidTerms


class Tier(NamedTuple):
    """`days` None: for good."""

    max_bytes: int
    days: int | None

    @property
    def life(self) -> float:
        return inf if self.days is None else self.days


@dataclass(frozen=True)
class Lifetimes:
    free: tuple[Tier, ...]
    """The smallest first."""
    paid: PaidTerms | None = None
    is_stated: bool = False

    @property
    def lasting(self) -> Tier:
        """The tier that keeps images longest; of several, the one for the largest images."""
        return max(self.free, key=lambda tier: (tier.life, tier.max_bytes))

    def tier_of(self, size: int) -> Tier | None:
        return next((tier for tier in self.free if size <= tier.max_bytes), None)

    def goal(self, size: int | None) -> int | None:
        """The size in bytes that an image must be reduced to, to live longer; None if it already lives longest. An
        image without a size has yet to be converted.
        """
        are_equal = len({tier.days for tier in self.free}) == 1
        own = self.free[0 if are_equal else -1] if size is None else self.tier_of(size)
        return None if own and own.life >= self.lasting.life else self.lasting.max_bytes


def lifetimes(limits: Limits | None) -> Lifetimes:
    if limits is None:
        return Lifetimes(_sorted(Tier(*each) for each in DOCUMENTED_FREE_TIERS))
    free = [Tier(each.max_bytes, each.days) for each in limits.free.tiers]
    return Lifetimes(_sorted(free or [Tier(limits.free.max_bytes, limits.free.days)]), limits.paid, is_stated=True)


def _sorted(tiers: Iterable[Tier]) -> tuple[Tier, ...]:
    return tuple(sorted(tiers, key=lambda tier: tier.max_bytes))


def too_large_to_last(size: int, goal: int) -> str:
    conflict = worded(
        tool='keep would have to make it smaller, and fit is "never": leave out one of them',
        command="--keep would have to make it smaller, and --no-fit forbids that: leave out one of them",
    )
    return (
        f"The image has {size:,} bytes, and images up to {size_in_words(goal)} are kept longest here. {conflict}. "
        "Nothing was sent."
    )


def kept(days: int | None) -> str:
    return "for good" if days is None else f"for {days} day{'' if days == 1 else 's'}"


def size_in_words(count: int) -> str:
    for unit, name in ((1_000_000, "MB"), (1024 * 1024, "MiB"), (1000, "kB")):
        if count >= unit and count % unit == 0:
            return f"{count // unit} {name}"
    return f"{count:,} bytes"


def life_note(expires_at: datetime | None, size: int, lives: Lifetimes, *, was_kept: bool) -> str:
    """When an image that was uploaded for free expires, and how to make it last; empty if it never expires."""
    if expires_at is None:
        return ""
    return " ".join(filter(None, (expiry_note(expires_at), _advice(size, lives, was_kept=was_kept))))


def expiry_note(expires_at: datetime | None) -> str:
    return f"Expires {expires_at:%Y-%m-%d}." if expires_at else ""


def _advice(size: int, lives: Lifetimes, *, was_kept: bool) -> str:
    """If an image was fitted to documented terms but still expires, the terms have changed."""
    best, paid = lives.lasting, lives.paid
    images = f"images up to {size_in_words(best.max_bytes)}"
    if lives.goal(size):
        way = worded(tool="call again with keep=true", command="`img402-mcp upload --keep` makes an image fit")
        return f"{images[0].upper()}{images[1:]} are kept {kept(best.days)} here: {way}."
    if was_kept and not lives.is_stated and best.days is None:
        return f"By the terms documented in {DOCUMENTED_ON}, {images} are kept for good, but the API says otherwise."
    if paid and Tier(0, paid.days).life > best.life:
        return f"A paid upload is kept {kept(paid.days)}, for {paid.price} USDC."
    return ""


def bought(lives: Lifetimes) -> str:
    """The advantage of a token over a free upload."""
    by = "stated" if lives.is_stated else f"documented in {DOCUMENTED_ON}"
    free = ", ".join(f"up to {size_in_words(tier.max_bytes)} {kept(tier.days)}" for tier in lives.free)
    paid = lives.paid
    terms = f"up to {size_in_words(paid.max_bytes)} {kept(paid.days)}" if paid else "a larger or longer-lived image"
    best = [tier.max_bytes for tier in lives.free if paid and tier.life >= Tier(0, paid.days).life]
    only = f"; so it buys something only for images over {size_in_words(max(best))}" if best else ""
    return f"A token buys one upload of {terms}. Free uploads ({by}): {free}{only}."


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


# What it has named in a refusal


MEDIA_TYPES = tuple(kind.media_type for kind in FORMATS)


@dataclass(frozen=True)
class Bounds:
    limit: int | None = None
    media_types: Collection[str] = MEDIA_TYPES

    def after(self, error: UploadRejected, image: Image, original: Image) -> "Bounds | None":
        """The limits to meet after a refusal of `image`; None if nothing can be done about it."""
        kind = image.picture.format
        if error.code == "unsupported_format" and kind != original.picture.format:  # it was our choice
            return replace(self, media_types={*self.media_types} - {kind.media_type})
        limit = limit_in(error, len(image.data))
        return replace(self, limit=limit) if limit else None


def limit_in(error: UploadRejected, size: int) -> int | None:
    """The limit that a refusal names, else the next documented one below; None for a refusal of another kind.

    Its message may also name the file's size, rounded. Numbers that cannot be read are no reason to guess.
    """
    if error.code != "file_too_large":
        return None
    below = [named for named in sizes_in(error.api_message) if named < size]
    limits = [named for named in below if named < size * 0.98]
    if below:
        return max(limits) if limits else min(below)
    if re.search(r"\d", error.api_message):
        return None
    return max((limit for limit in DOCUMENTED_FREE_BYTES if limit < size), default=None)
