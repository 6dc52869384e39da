"""How long an API keeps an image, by its size: as the API states it, else as it was last documented. Terms change, so
the documented ones are a guess, and the expiry in an answer has the last word.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from math import inf
from typing import NamedTuple

from img402_mcp.caller import worded
from img402_mcp.client.apis.img402 import DOCUMENTED_FREE_TIERS, DOCUMENTED_ON
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
        own = self.free[0 if self.are_equal else -1] if size is None else self.tier_of(size)
        return None if own and own.life >= self.lasting.life else self.lasting.max_bytes

    @property
    def are_equal(self) -> bool:
        return len({tier.days for tier in self.free}) == 1


def lifetimes(limits: Limits | None) -> Lifetimes:
    if limits is None:
        return Lifetimes(_sorted(Tier(*each) for each in DOCUMENTED_FREE_TIERS))
    free = [Tier(each.max_bytes, each.days) for each in limits.free.tiers]
    return Lifetimes(_sorted(free or [Tier(limits.free.max_bytes, limits.free.days)]), limits.paid, is_stated=True)


def _sorted(tiers: Iterable[Tier]) -> tuple[Tier, ...]:
    return tuple(sorted(tiers, key=lambda tier: tier.max_bytes))


# In words


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
        return f"It was made to fit what was documented in {DOCUMENTED_ON} to be kept for good ({images})."
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
