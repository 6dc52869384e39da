"""The ladder: lossless, then nearly so, then lossy, then scaled, stopping at the first step that fits. Each step is
estimated from a sample, so steps that cannot fit are never tried. Each family of encodings offers the best that should
fit; the one most like the original is used.
"""

from dataclasses import replace
from math import inf

from img402_mcp.client.fit.animation import fit_animation
from img402_mcp.client.fit.convertible import NAMES
from img402_mcp.client.fit.decode import Source, decoded, is_animated, opened
from img402_mcp.client.fit.encoders import LOSSLESS, Encoding, encoded, possible, resized
from img402_mcp.client.fit.estimate import Estimates
from img402_mcp.client.fit.messages import Order, Outcome, Unfit
from img402_mcp.client.fit.ssim import sample_of

MIN_SCALE = 20  # percent; below that nobody recognizes a page
TRIES = 3
CONVERTED_LOSSLESS = 300_000  # bytes
CLOSER = 0.96  # once the whole has shown how far the sample misses, to be on the safe side of it

Made = tuple[Outcome, bytes] | None


def fit(order: Order, data: bytes) -> tuple[Outcome, bytes]:
    """Raises Unfit, and the decoder's errors."""
    file = opened(order.name, data)
    if order.name not in NAMES and is_animated(file):
        return fit_animation(file, order, data)
    source = decoded(order.name, file, data)
    estimates = _estimates_for(order, source, len(data))
    made = _lossless(source, estimates) or _lossy(source, estimates) or _scaled(source, estimates)
    if made is None:
        raise Unfit("floor" if estimates.least_size(source) < inf else "formats")
    outcome, smaller = made
    lost = {name: getattr(source, name) for name in ("depth", "pages", "was_converted", "had_metadata")}
    return replace(outcome, **lost), smaller


def _estimates_for(order: Order, source: Source, came: int) -> Estimates:
    sample, share = sample_of(source.image)
    return Estimates(order, replace(source, image=sample), share, source.image.width * source.image.height, came)


def _lossless(source: Source, estimates: Estimates) -> Made:
    limit = _lossless_limit(source, estimates)
    estimates = replace(estimates, order=replace(estimates.order, limit=limit))
    if not limit or estimates.is_hopeless():
        return None
    missed = estimates.bias()
    for encoding in possible(LOSSLESS, source, estimates.order.formats):
        slack = estimates.slack(encoding)
        if not slack or estimates.size(encoding) * missed > limit * slack:
            continue
        made = encoded(source, encoding)
        if made and len(made) <= limit:
            return _outcome(encoding), made
        missed = max(missed, len(made or b"") / estimates.size(encoding))
    return None


def _lossless_limit(source: Source, estimates: Estimates) -> int:
    """0: not tried. A small image can be converted without loss; a photo would take many times its bytes."""
    limit = estimates.order.limit
    if not source.was_photo:
        return limit
    return min(limit, max(CONVERTED_LOSSLESS, 2 * estimates.came)) if estimates.order.name in NAMES else 0


def _lossy(source: Source, estimates: Estimates) -> Made:
    """The first try shows how far the sample is off, and the next tries take that into account."""
    limit, missed, chosen = estimates.order.limit, 1.0, None
    tried = set[Encoding]()
    for _ in range(TRIES):
        best = estimates.best(source, limit / missed)
        encoding = best or (None if tried else estimates.smallest(source))
        made = encoded(source, encoding) if encoding and encoding not in tried else None
        if encoding is None or made is None:
            break
        tried.add(encoding)
        if len(made) <= limit:
            chosen = _outcome(encoding), made
            if best:
                break
        missed = len(made) / estimates.size(encoding) / CLOSER
    return chosen


def _outcome(encoding: Encoding) -> Outcome:
    return Outcome(quality=encoding.quality, bits=encoding.bits, colours=encoding.colours)


def _scaled(source: Source, estimates: Estimates) -> Made:
    """The sample is scaled until it should fit, and only then the whole."""
    scale = 95
    while scale >= max(MIN_SCALE, estimates.order.least_scale):
        smaller = estimates.scaled(scale)
        if smaller.best(source, estimates.order.limit):
            shrunk = replace(source, image=resized(source.image, scale))
            if made := _lossy(shrunk, smaller):
                return replace(made[0], scale=scale), made[1]
        scale = _next_scale(scale, estimates.order.limit / smaller.least_size(source))
    return None


def _next_scale(scale: int, ratio: float) -> int:
    """In steps of 4 to 25 percent, depending on how far the smallest encoding is above the limit."""
    return int(scale * min(0.96, max(0.75, ratio**0.5)))
