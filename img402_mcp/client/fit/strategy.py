"""The ladder: lossless, then nearly so, then lossy, then scaled, stopping at the first rung that fits.

What a rung would give is foretold from a sample, so that rungs which cannot hold are never climbed. Each family of
ways sends the best that should fit; the most like the original goes.
"""

from dataclasses import replace
from math import inf

from img402_mcp.client.fit.animation import fit_moving
from img402_mcp.client.fit.decode import Source, Unfit, decoded, is_moving, opened
from img402_mcp.client.fit.encoders import LOSSLESS, Encoding, encoded, possible, resized
from img402_mcp.client.fit.estimate import Estimates
from img402_mcp.client.fit.messages import Order, Outcome
from img402_mcp.client.fit.ssim import sample_of

LEAST_SCALE = 20  # percent; below that nobody recognizes a page
TRIES = 3
CLOSER = 0.96  # once the whole has shown how far the sample misses, to be on the safe side of it

Made = tuple[Outcome, bytes] | None


def fit(order: Order, data: bytes) -> tuple[Outcome, bytes]:
    """Raises Unfit, and whatever a decoder raises."""
    file = opened(order.name, data)
    if is_moving(file):
        return fit_moving(file, order, data)
    source = decoded(file, data)
    foretelling = _foretelling(order, source, len(data))
    made = _lossless(source, foretelling) or _lossy(source, foretelling) or _scaled(source, foretelling)
    if made is None:
        raise Unfit("floor" if foretelling.least_size(source) < inf else "formats")
    outcome, smaller = made
    lost = {name: getattr(source, name) for name in ("was_deep", "was_converted", "had_metadata")}
    return replace(outcome, **lost), smaller


def _foretelling(order: Order, source: Source, came: int) -> Estimates:
    sample, share = sample_of(source.image)
    return Estimates(order, replace(source, image=sample), share, source.image.width * source.image.height, came)


def _lossless(source: Source, foretelling: Estimates) -> Made:
    limit = foretelling.order.limit
    if source.was_photo or foretelling.is_hopeless():
        return None
    missed = foretelling.bias()
    for way in possible(LOSSLESS, source, foretelling.order.formats):
        slack = foretelling.slack(way)
        if not slack or foretelling.size(way) * missed > limit * slack:
            continue
        made = encoded(source, way)
        if made and len(made) <= limit:
            return _outcome(way), made
        missed = max(missed, len(made or b"") / foretelling.size(way))
    return None


def _lossy(source: Source, foretelling: Estimates) -> Made:
    """The first try shows by how much the sample is wrong, which the next ones go by."""
    limit, missed, kept = foretelling.order.limit, 1.0, None
    tried = set[Encoding]()
    for _ in range(TRIES):
        best = foretelling.best(source, limit / missed)
        way = best or (None if tried else foretelling.smallest(source))
        made = encoded(source, way) if way and way not in tried else None
        if way is None or made is None:
            break
        tried.add(way)
        if len(made) <= limit:
            kept = _outcome(way), made
            if best:
                break
        missed = len(made) / foretelling.size(way) / CLOSER
    return kept


def _outcome(way: Encoding) -> Outcome:
    return Outcome(quality=way.quality, bits=way.bits, colours=way.colours)


def _scaled(source: Source, foretelling: Estimates) -> Made:
    """The sample is scaled until it should fit, and only then the whole."""
    scale = 95
    while scale >= LEAST_SCALE:
        smaller = foretelling.scaled(scale)
        if smaller.best(source, foretelling.order.limit):
            shrunk = replace(source, image=resized(source.image, scale))
            if made := _lossy(shrunk, smaller):
                return replace(made[0], scale=scale), made[1]
        scale = _next_scale(scale, foretelling.order.limit / smaller.least_size(source))
    return None


def _next_scale(scale: int, ratio: float) -> int:
    """By how far the smallest encoding misses, in steps of 4 to 25 percent."""
    return int(scale * min(0.96, max(0.75, ratio**0.5)))
