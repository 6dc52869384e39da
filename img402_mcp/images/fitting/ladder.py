"""The ladder: lossless, then nearly so, then lossy, then scaled, stopping at the first rung that fits.

What a rung would give is foretold from a sample of tiles, its size and its likeness (SSIM) both, so that rungs which
cannot hold are never climbed. Each family of ways sends the best that should fit; the most like the original goes.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

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
LIKE_GRAIN = 0.95
"""The same where nothing else fits: better a little less of the grain than fewer pixels."""
LEAST_SCALE = 20  # percent; below that nobody recognizes a page
TRIES = 3

OVERRATED = 1.4
"""A sample mostly promises too many bytes for WebP's lossless encoding of the whole, which finds its repetitions."""
DEAR = 0.05  # the share of a sample in six million pixels: beyond them a vain try takes a second
WELL_BELOW = 0.9  # of the limit: what a sample must promise for a try that would be dear
FEW_COLOURS = 1024  # text on plain ground, which repeats itself most and is encoded fastest
NEAR = 1.6
SURE = 1.0
CLOSER = 0.96  # once the whole has shown how far the sample misses, to be on the safe side of it

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
    made = (
        _lossless(source, foretelling)
        or _lossy(source, foretelling)
        or _lossy(source, replace(foretelling, least=LIKE_GRAIN))
        or _scaled(source, foretelling)
    )
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
    least: float = LIKE_ENOUGH
    told: dict[Way, Foretold] = field(default_factory=dict)

    def scaled(self, scale: int) -> "Foretelling":
        sample = replace(self.sample, image=resized(self.sample.image, scale))
        return replace(self, sample=sample, pixels=self.pixels * scale * scale // 10_000, told={})

    def of(self, way: Way) -> Foretold:
        if way not in self.told:
            self.told[way] = self._measured(way)
        return self.told[way]

    def _measured(self, way: Way) -> Foretold:
        data = encoded(replace(self.sample, profile=None), way, self.pixels)
        size = len(data) / self.share + len(self.sample.profile or b"")
        like = 1.0 if way in LOSSLESS else likeness(self.sample.image, as_seen(data, way))
        return Foretold(way, size, like)

    def slack(self, way: Way) -> float:
        """How far beyond the limit a try is still worth its time."""
        if way.effort == 0 or way.format == "PNG":
            return SURE
        if self.sample.image.getcolors(FEW_COLOURS):
            return 2.5 if way.effort == len(EFFORTS) - 1 else SURE
        return OVERRATED if self.share > DEAR else WELL_BELOW

    def best(self, whole: Source, limit: float) -> Way | None:
        """Of the ways that should fit and be like enough, the one most alike."""
        bests = [*self._best_of_families(whole, limit)]
        return max(bests, key=lambda each: each.likeness).way if bests else None

    def smallest(self, whole: Source) -> Way | None:
        """Where none should fit: the one that comes nearest, if it comes near enough to be tried."""
        last = (ways[-1] for family in families(whole, self.order) if (ways := self._possible(family, whole)))
        near = [
            each for each in map(self.of, last) if each.size <= NEAR * self.order.limit and self._will_do(each, whole)
        ]
        return min(near, key=lambda each: each.size).way if near else None

    def _possible(self, ways: tuple[Way, ...], whole: Source) -> list[Way]:
        return possible(ways, whole, self.order.formats)

    def _will_do(self, foretold: Foretold, whole: Source) -> bool:
        return whole.was_photo or foretold.likeness >= self.least

    def _best_of_families(self, whole: Source, limit: float) -> Iterator[Foretold]:
        for family in families(whole, self.order):
            fitting = (each for each in map(self.of, self._possible(family, whole)) if each.size <= limit)
            if (best := next(fitting, None)) and self._will_do(best, whole):
                yield best


def families(source: Source, order: Order) -> tuple[tuple[Way, ...], ...]:
    """Each from good to bad."""
    if source.image.mode == "RGBA" and "WebP" not in order.formats:
        return (PALETTE,)
    if source.was_photo:  # WebP halves the colours' resolution, which only a JPEG that did so before can stand
        return (JPEG,) if source.subsampling == 0 and "JPEG" in order.formats else (WEBP, JPEG)
    return NEARLY_LOSSLESS, WEBP, JPEG


def _lossless(source: Source, foretelling: Foretelling) -> Made:
    limit, missed = foretelling.order.limit, 0.0
    if source.was_photo:
        return None
    for way in possible(LOSSLESS, source, foretelling.order.formats):
        size = foretelling.of(way).size
        if size > limit * foretelling.slack(way) or size * missed > limit:
            continue
        if len(made := encoded(source, way)) <= limit:
            return _outcome(way), made
        missed = len(made) / size
    return None


def _lossy(source: Source, foretelling: Foretelling) -> Made:
    """The first try shows by how much the sample is wrong, which the next ones go by."""
    limit, missed, kept = foretelling.order.limit, 1.0, None
    tried = set[Way]()
    for _ in range(TRIES):
        best = foretelling.best(source, limit / missed)
        way = best or (None if tried else foretelling.smallest(source))
        if way is None or way in tried:
            break
        tried.add(way)
        if len(made := encoded(source, way)) <= limit:
            kept = _outcome(way), made
            if best:
                break
        missed = len(made) / foretelling.of(way).size / CLOSER
    return kept


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
    sizes = [foretelling.of(way).size for way in possible(smallest, source, foretelling.order.formats)]
    ratio = foretelling.order.limit * SURE / min(sizes, default=foretelling.order.limit)
    return int(scale * min(0.96, max(0.6, ratio**0.6)))
