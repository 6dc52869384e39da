"""The limits in force, in words for people."""

from collections.abc import Sequence

from img402_mcp.host.payments.requirements import PLAY_MONEY
from img402_mcp.host.settings import PaidSettings
from img402_mcp.host.sizes import short_size
from img402_mcp.wire.img402 import FreeTerms


def listed(names: Sequence[str]) -> str:
    """`PNG, JPEG and WebP`."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def duration(days: int | None) -> str:
    if days is None:
        return "for good"
    return "for 1 day" if days == 1 else f"for {days:,} days"


def lives(terms: FreeTerms) -> str:
    """`for 7 days`, or `for good up to 1 MB, for 30 days up to 10 MB`."""
    each = [f"{duration(tier.days)} up to {short_size(tier.max_bytes)}" for tier in terms.tiers]
    return ", ".join(each) or duration(terms.days)


def daily(terms: FreeTerms) -> str:
    caps = ((terms.uploads_a_day_per_address, "from one address"), (terms.uploads_a_day, "in all"))
    return ", ".join(f"{cap:,} {whose}" for cap, whose in caps if cap is not None) or "no limit"


def price(paid: PaidSettings) -> str:
    play = PLAY_MONEY if plays(paid) else ""
    return f"{play}{paid.terms.price} USDC on {paid.terms.network}"


def plays(paid: PaidSettings | None) -> bool:
    return paid is not None and paid.facilitator == "play"
