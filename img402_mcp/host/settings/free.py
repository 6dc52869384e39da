"""What a free upload gets: one size and life for all, or tiers of them."""

import re
from collections.abc import Mapping

from img402_mcp.errors import SettingsError, quoted
from img402_mcp.host.settings.variables import LARGEST, integer
from img402_mcp.wire.img402 import FreeTerms, FreeTier

MAX_BYTES = 1_048_576
DAYS = 7
# With 1 MB and 7 days the first keeps a host that is open to the world under 70 GB. A busy agent makes some
# hundreds of screenshots a day, so the second stops only a runaway loop.
DAILY = 10_000
DAILY_PER_ADDRESS = 1_000
A_CENTURY = 36_500
MOST_TIERS = 32
TIERS = "IMG402_HOST_FREE_TIERS"
_TIER = re.compile(r"(\d{1,13}) ?(B|KB|MB|GB|KiB|MiB|GiB)? ?: ?(?:(\d{1,5}) ?d|(forever))", re.ASCII | re.IGNORECASE)
_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30}
"""The hosted API's 1 MB is documented as no more than a million bytes, so that is the safe reading."""


def free_terms(environ: Mapping[str, str]) -> FreeTerms:
    tiers = _tiers(environ)
    largest = max(tiers, key=lambda tier: tier.max_bytes) if tiers else _only_tier(environ)
    per_address = integer(environ, "IMG402_HOST_FREE_DAILY_PER_ADDRESS", DAILY_PER_ADDRESS, (0, LARGEST))
    return FreeTerms(
        max_bytes=largest.max_bytes,
        days=largest.days,
        tiers=tiers,
        uploads_a_day=integer(environ, "IMG402_HOST_FREE_DAILY", DAILY, (0, LARGEST)) or None,
        uploads_a_day_per_address=per_address or None,
    )


def _only_tier(environ: Mapping[str, str]) -> FreeTier:
    return FreeTier(
        max_bytes=integer(environ, "IMG402_HOST_FREE_MAX_BYTES", MAX_BYTES, (1, LARGEST)),
        days=integer(environ, "IMG402_HOST_FREE_DAYS", DAYS, (0, A_CENTURY)) or None,
    )


def _tiers(environ: Mapping[str, str]) -> tuple[FreeTier, ...]:
    """The smallest first; none where the variable is not set."""
    text = environ.get(TIERS) or ""
    if not text:
        return ()
    if twice := [name for name in ("IMG402_HOST_FREE_MAX_BYTES", "IMG402_HOST_FREE_DAYS") if environ.get(name)]:
        raise SettingsError(f"{TIERS} and {twice[0]} say the same thing; set one of them.")
    tiers = sorted((_tier(part) for part in text[:2000].split(",")), key=lambda tier: tier.max_bytes)
    sizes = [tier.max_bytes for tier in tiers]
    if len(tiers) > MOST_TIERS or len({*sizes}) < len(sizes):
        raise SettingsError(f"{TIERS} is {quoted(text)}; give each size once, and at most {MOST_TIERS} of them.")
    return tuple(tiers)


def _tier(part: str) -> FreeTier:
    found = _TIER.fullmatch(part.strip())
    size = int(found[1]) * _UNITS[(found[2] or "").upper()] if found else 0
    days = int(found[3]) if found and found[3] else None
    if found is None or not 1 <= size <= LARGEST or (days is not None and not 1 <= days <= A_CENTURY):
        raise SettingsError(f"{TIERS} has {quoted(part)}; give sizes and lives, such as 1MB:forever,10MB:30d.")
    return FreeTier(max_bytes=size, days=days)
