"""The ladder: lossless, then nearly so, then lossy, then scaled, stopping at the first rung that fits.

What a rung would give is foretold from a sample of tiles, its size and its likeness (SSIM) both, so that rungs which
cannot hold are never climbed. Each family of ways sends the best that should fit; the most like the original goes.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from img402_mcp.images.fitting.encoding import (
    EFFORTS,
    JPEG,
    LOSSLESS,
    NEARLY_LOSSLESS,
    PALETTE,
    WEBP,
    Way,
    as_seen,
    encoded,
    possible,
    resized,
)
from img402_mcp.images.fitting.moving import fit_moving
from img402_mcp.images.fitting.pixels import Source, Unfit, decoded, is_moving, opened
from img402_mcp.images.fitting.sample import likeness, sample_of
from img402_mcp.images.fitting.terms import Order, Outcome

LIKE_ENOUGH = 0.985
"""The least SSIM of a sample of what was drawn: the whole should reach 0.98. A photo's grain may go."""
LEAST_SCALE = 20  # percent; below that nobody recognizes a page
TRIES = 3

OVERRATED = {"PNG": 1.0, "WebP": 1.4}
"""A sample mostly promises too many bytes for a lossless encoding of the whole, which finds its repetitions."""
DEAR = 0.05  # the share of a sample in six million pixels: beyond them a vain try takes a second
FEW_COLOURS = 1024  # text on plain ground, which repeats itself most and is encoded fastest
SURE = 1.0
CLOSER = 0.96  # once the whole has shown how far the sample misses

Made = tuple[Outcome, bytes] | None


def fit(order: Order, data: bytes) -> tuple[Outcome, bytes]:
    """Raises Unfit, and whatever a decoder raises."""
    file = opened(order.name, data)
    if is_moving(file):
        return fit_moving(file, order, data)
    source = decoded(file, data)
    sample, share = sample_of(source.image)
    pixels = source.image.width * source.image.height
    foretelling = Foretelling(order, replace(source, image=sample), share, pixels)
    made = _lossless(source, foretelling) or _lossy(source, foretelling) or _scaled(source, foretelling)
    if made is None:
        raise Unfit("floor")
    outcome, smaller = made
    return replace(outcome, was_deep=source.was_deep, was_converted=source.was_converted), smaller


@dataclass(frozen=True)
class Foretold:
    """What the sample says of a way: bytes of the whole, and its likeness to the original."""

    way: Way
    size: float
    likeness: float


@dataclass(frozen=True)
class Foretelling:
    """`share`: how much of the whole the sample holds, and `pixels` those of the whole."""

    order: Order
    sample: Source
    share: float
    pixels: int

    def scaled(self, scale: int) -> "Foretelling":
        pixels = self.pixels * scale * scale // 10_000
        return replace(self, sample=replace(self.sample, image=resized(self.sample.image, scale)), pixels=pixels)

    def size(self, way: Way) -> float:
        data = encoded(replace(self.sample, profile=None), way, self.pixels)
        return len(data) / self.share + len(self.sample.profile or b"")

    def slack(self, way: Way) -> float:
        """How far beyond the limit a try is still worth its time."""
        if way.effort < len(EFFORTS) - 1:
            return SURE
        if way.format == "WebP" and self.sample.image.getcolors(FEW_COLOURS):
            return 2.5
        return OVERRATED[way.format] if self.share > DEAR else 1.1

    def of(self, way: Way) -> Foretold:
        data = encoded(replace(self.sample, profile=None), way, self.pixels)
        size = len(data) / self.share + len(self.sample.profile or b"")
        return Foretold(way, size, likeness(self.sample.image, as_seen(data, way)))

    def best(self, whole: Source, limit: float) -> Way | None:
        """Of the ways that should fit and be like enough, the one most alike."""
        bests = [*self._best_of_families(whole, limit)]
        return max(bests, key=lambda each: each.likeness).way if bests else None

    def _best_of_families(self, whole: Source, limit: float) -> Iterator[Foretold]:
        for family in families(whole, self.order):
            for foretold in map(self.of, possible(family, whole, self.order.formats)):
                if foretold.size <= limit:
                    yield from [foretold] if whole.was_photo or foretold.likeness >= LIKE_ENOUGH else []
                    break


def families(source: Source, order: Order) -> tuple[tuple[Way, ...], ...]:
    """Each from good to bad."""
    if source.image.mode == "RGBA" and "WebP" not in order.formats:
        return (PALETTE,)
    if source.was_photo:  # WebP halves the colours' resolution, which only a JPEG that did so before can stand
        return (JPEG,) if source.subsampling == 0 and "JPEG" in order.formats else (WEBP, JPEG)
    return NEARLY_LOSSLESS, WEBP, JPEG


def _lossless(source: Source, foretelling: Foretelling) -> Made:
    limit = foretelling.order.limit
    if source.was_photo:
        return None
    for way in possible(LOSSLESS, source, foretelling.order.formats):
        if foretelling.size(way) <= limit * foretelling.slack(way) and len(made := encoded(source, way)) <= limit:
            return _outcome(way), made
    return None


def _lossy(source: Source, foretelling: Foretelling) -> Made:
    limit = foretelling.order.limit
    wanted = limit * SURE
    for _ in range(TRIES):
        if (way := foretelling.best(source, wanted)) is None:
            return None
        if len(made := encoded(source, way)) <= limit:
            return _outcome(way), made
        wanted = min(foretelling.size(way) * limit / len(made), wanted) * CLOSER
    return None


def _outcome(way: Way) -> Outcome:
    return Outcome(quality=way.quality, bits=way.bits, colours=way.colours)


def _scaled(source: Source, foretelling: Foretelling) -> Made:
    """The sample is scaled until it should fit, and only then the whole."""
    scale = 95
    while scale >= LEAST_SCALE:
        smaller = foretelling.scaled(scale)
        if smaller.best(source, foretelling.order.limit * SURE):
            shrunk = replace(source, image=resized(source.image, scale))
            if made := _lossy(shrunk, smaller):
                return replace(made[0], scale=scale), made[1]
        scale = _next_scale(scale, smaller, source)
    return None


def _next_scale(scale: int, foretelling: Foretelling, source: Source) -> int:
    """By how far the smallest encoding misses, in steps of 4 to 40 percent."""
    smallest = [family[-1] for family in families(source, foretelling.order)]
    sizes = [foretelling.size(way) for way in possible(smallest, source, foretelling.order.formats)]
    ratio = foretelling.order.limit * SURE / min(sizes, default=foretelling.order.limit)
    return int(scale * min(0.96, max(0.6, ratio**0.6)))
