"""The ladder: lossless, then nearly so, then lossy, then scaled, stopping at the first step that fits. Each encoding is
estimated from a sample of tiles, its size and its likeness to the original, so one that cannot fit is never tried: a
vain try on a large image takes seconds. Of those that should fit, the one most like the original is used.
"""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from math import inf

from img402_mcp.client.fit.animation import fit_animation
from img402_mcp.client.fit.convertible import NAMES
from img402_mcp.client.fit.decode import Source, decoded, is_animated, opened
from img402_mcp.client.fit.encoders import (
    AS_PNG,
    EFFORTS,
    JPEG,
    LOSSLESS,
    MP,
    NEARLY_LOSSLESS,
    PNGS,
    WEBP,
    Encoding,
    as_seen,
    encoded,
    possible,
    resized,
)
from img402_mcp.client.fit.messages import Order, Outcome, Unfit
from img402_mcp.client.fit.ssim import likeness, sample_of

LIKE_ENOUGH = 0.985
"""The least likeness of a sample of what was drawn: the whole should reach an SSIM of 0.98."""
LIKE_SCALED = 0.93
"""The same for a scaled image, which loses more anyway: a higher value would make it even smaller."""
HARDLY_SEEN = 0.99  # from here on nothing better is looked for if that takes long

FEW_COLOURS = 1024  # in a sample: text on plain ground, which repeats itself most and is encoded fastest
HOPELESS = 2.2  # how far beyond the limit the quickest encoding, or a PNG, is when the best one is beyond it too
NEAR = 1.6
HEADS = {"PNG": 60, "JPEG": 400, "WebP": 30}
"""Bytes that any image needs once: scaled up from a small sample they would count a hundred times."""
USUAL_BIAS = (0.6, 1.5)


@dataclass(frozen=True)
class Estimates:
    """`share`: how much of the whole the sample holds; `pixels`: of the whole; `came`: bytes of the file."""

    order: Order
    sample: Source
    share: float
    pixels: int
    came: int
    least: float = LIKE_ENOUGH
    encoded_samples: dict[Encoding, bytes | None] = field(default_factory=dict)
    alike: dict[Encoding, float] = field(default_factory=dict)

    def scaled(self, scale: int) -> "Estimates":
        sample = replace(self.sample, image=resized(self.sample.image, scale))
        pixels = self.pixels * scale * scale // 10_000
        return replace(self, sample=sample, pixels=pixels, least=LIKE_SCALED, encoded_samples={}, alike={})

    def size(self, encoding: Encoding) -> float:
        data = self._encoded(encoding)
        if data is None:
            return inf
        head = HEADS[encoding.format] if self.share < 1 else 0
        return (len(data) - head) / self.share + head + len(self.sample.profile or b"")

    def likeness(self, encoding: Encoding) -> float:
        if encoding not in self.alike:
            data = self._encoded(encoding)
            self.alike[encoding] = likeness(self.sample.image, as_seen(data, encoding)) if data else 0.0
        return self.alike[encoding]

    def _encoded(self, encoding: Encoding) -> bytes | None:
        if encoding not in self.encoded_samples:
            self.encoded_samples[encoding] = encoded(replace(self.sample, profile=None), encoding, self.pixels)
        return self.encoded_samples[encoding]

    # Lossless

    def is_hopeless(self) -> bool:
        if self.has_few_colours():
            return False
        beyond = HOPELESS * self.order.limit
        return (self.order.name != "PNG" or self.came > beyond) and self.size(Encoding("WebP", effort=0)) > beyond

    def has_few_colours(self) -> bool:
        return bool(self.sample.image.getcolors(FEW_COLOURS))

    def bias(self) -> float:
        """How far the sample is off, judged by the size of the whole as a PNG, if it came as one."""
        if self.order.name != "PNG" or self.share == 1:
            return 1.0
        least, most = USUAL_BIAS
        bias = self.came / self.size(AS_PNG)
        return bias if least < bias < most else 1.0  # else the file was packed in an unusual way

    def slack(self, encoding: Encoding) -> float:
        """How far below or above the limit a try is worth its time; the last effort takes 0.2 s for a megapixel."""
        if encoding == AS_PNG:
            return 1.04
        if encoding.effort == 0:
            return 0.9 if self.pixels < 8 * MP else 0.75
        if self.has_few_colours():
            return 1.25 if encoding.effort == len(EFFORTS) - 1 else 1.0
        if encoding.effort < len(EFFORTS) - 1:
            return 0.0
        return 1.05 if self.pixels < 4 * MP else 0.97 if self.pixels < 8 * MP else 0.85

    # Lossy

    def best(self, whole: Source, limit: float) -> Encoding | None:
        """Of the encodings that should fit and are similar enough, the one most like the original."""
        bests = list[Encoding]()
        for family in families(whole, self.order):
            if family != NEARLY_LOSSLESS or not any(self.likeness(encoding) >= HARDLY_SEEN for encoding in bests):
                bests += self._best_of(family, whole, limit)
        return max(bests, key=self.likeness) if bests else None

    def smallest(self, whole: Source) -> Encoding | None:
        """If none should fit: the one that comes nearest, if it is near enough to be worth a try."""
        near = [encoding for encoding in self._last(whole) if self.size(encoding) <= NEAR * self.order.limit]
        return min((encoding for encoding in near if self._will_do(encoding, whole)), key=self.size, default=None)

    def least_size(self, whole: Source) -> float:
        return min(map(self.size, self._last(whole)), default=inf)

    def _last(self, whole: Source) -> list[Encoding]:
        return [encodings[-1] for family in families(whole, self.order) if (encodings := self._possible(family, whole))]

    def _possible(self, encodings: tuple[Encoding, ...], whole: Source) -> list[Encoding]:
        return possible(encodings, whole, self.order.formats)

    def _will_do(self, encoding: Encoding, whole: Source) -> bool:
        return whole.was_photo or self.likeness(encoding) >= self.least

    def _best_of(self, family: tuple[Encoding, ...], whole: Source, limit: float) -> Iterator[Encoding]:
        """A family goes from large to small, so few of it need to be looked at."""
        encodings = self._possible(family, whole)
        place = bisect_left(encodings, True, key=lambda encoding: self.size(encoding) <= limit)
        if place < len(encodings) and self._will_do(encodings[place], whole):
            yield encodings[place]


def families(source: Source, order: Order) -> tuple[tuple[Encoding, ...], ...]:
    """Each from good to bad; the slow ones come last."""
    if "WebP" not in order.formats and (source.image.mode == "RGBA" or "JPEG" not in order.formats):
        return (PNGS,)
    if source.was_photo:  # WebP halves the colours' resolution: harmless only for a JPEG that already did so
        return (JPEG,) if source.subsampling == 0 and "JPEG" in order.formats else (WEBP, JPEG)
    return WEBP, JPEG, NEARLY_LOSSLESS


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
    sample, share = sample_of(source.image)
    pixels = source.image.width * source.image.height
    estimates = Estimates(order, replace(source, image=sample), share, pixels, len(data))
    made = _lossless(source, estimates) or _lossy(source, estimates) or _scaled(source, estimates)
    if made is None:
        raise Unfit("floor" if estimates.least_size(source) < inf else "formats")
    outcome, smaller = made
    lost = {name: getattr(source, name) for name in ("depth", "pages", "was_converted", "had_metadata")}
    return replace(outcome, **lost), smaller


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
        ratio = estimates.order.limit / smaller.least_size(source)
        scale = int(scale * min(0.96, max(0.75, ratio**0.5)))  # in steps of 4 to 25 percent
    return None
