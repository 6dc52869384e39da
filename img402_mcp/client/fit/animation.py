"""Animations become animated WebP: every frame with its duration, and as many rounds."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import BytesIO

from PIL import Image, ImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.PngImagePlugin import PngImageFile

from img402_mcp.client.fit.decode import demand_known_colours, has_metadata
from img402_mcp.client.fit.encoders import WEBP_SIDE
from img402_mcp.client.fit.messages import MAX_PIXELS, Order, Outcome, Unfit

QUALITIES = (None, 90, 80)
"""None: lossless."""
EXCERPT_PIXELS = 4_000_000
LOSSLESS_PIXELS = 20_000_000  # libwebp tries each frame in several ways
NEAR = 1.25  # how far an estimate from an excerpt may be off
MIN_SCALE = 25


@dataclass(frozen=True)
class Animation:
    frames: list[Image.Image]
    durations: list[int]  # milliseconds
    rounds: int  # 0: forever
    profile: bytes | None

    @property
    def pixels(self) -> int:
        return sum(frame.width * frame.height for frame in self.frames)


def fit_animation(file: ImageFile.ImageFile, order: Order, data: bytes) -> tuple[Outcome, bytes]:
    if "WebP" not in order.formats or max(file.size) > WEBP_SIDE:
        raise Unfit("moving")
    film = _film(file, data)
    tried = (quality for quality in QUALITIES if _is_worth_trying(film, quality, order.limit))
    encodings = ((Outcome(quality=quality), _encoded(film, quality)) for quality in tried)
    outcome, made = next((each for each in encodings if len(each[1]) <= order.limit), None) or _scaled(film, order)
    return replace(outcome, had_metadata=has_metadata(file)), made


def _film(file: ImageFile.ImageFile, data: bytes) -> Animation:
    if isinstance(file, PngImageFile):
        demand_known_colours(file, data)
    frames: int = getattr(file, "n_frames", 1)
    if frames * file.width * file.height > MAX_PIXELS:
        raise Unfit("pixels")
    if file.info.get("default_image"):  # a picture outside the animation, which WebP cannot have
        raise Unfit("moving")
    rounds, profile = _rounds(file), file.info.get("icc_profile")
    if profile and profile[16:20] != b"RGB ":
        raise Unfit("colours")
    shown = [*_frames(file, frames)]
    return Animation([image for image, _ in shown], [duration for _, duration in shown], rounds, profile)


def _rounds(file: ImageFile.ImageFile) -> int:
    """A GIF says how often it is repeated, and is else shown once; the other formats say how often it is shown."""
    loop = file.info.get("loop")
    if isinstance(file, GifImageFile):
        return 1 if loop is None else int(loop) and int(loop) + 1
    return int(loop or 0)


def _frames(file: ImageFile.ImageFile, count: int) -> Iterator[tuple[Image.Image, int]]:
    for number in range(count):
        file.seek(number)
        frame = file.convert("RGBA")
        frame.info = {}
        yield frame, int(file.info.get("duration", 0))


def _is_worth_trying(film: Animation, quality: int | None, limit: int) -> bool:
    if quality is None and film.pixels > LOSSLESS_PIXELS:
        return False
    return _estimated_size(film, quality) <= limit * NEAR


def _estimated_size(film: Animation, quality: int | None) -> float:
    """From some frames in a row: a single frame does not show how much its neighbours save."""
    count = max(2, int(len(film.frames) * min(1.0, EXCERPT_PIXELS / film.pixels)))
    start = (len(film.frames) - count) // 2
    excerpt = replace(film, frames=film.frames[start : start + count], durations=film.durations[start : start + count])
    whole = len(_encoded(excerpt, quality))
    first = len(_encoded(replace(excerpt, frames=excerpt.frames[:1], durations=excerpt.durations[:1]), quality))
    return first + (whole - first) * (len(film.frames) - 1) / max(1, count - 1)


def _encoded(film: Animation, quality: int | None) -> bytes:
    target = BytesIO()
    how = {"lossless": True, "quality": 20} if quality is None else {"quality": quality}
    profile = {"icc_profile": film.profile} if film.profile else {}
    first, *others = film.frames
    first.save(
        target, "WEBP", save_all=True, append_images=others, duration=film.durations, loop=film.rounds,
        method=0, **how, **profile,
    )  # fmt: skip
    return target.getvalue()


def _scaled(film: Animation, order: Order) -> tuple[Outcome, bytes]:
    limit, least = order.limit, max(MIN_SCALE, order.least_scale)
    scale = max(least, min(90, int(100 * (limit / _estimated_size(film, 80)) ** 0.55)))
    while scale >= least:
        if len(made := _encoded(_shrunk(film, scale), 80)) <= limit:
            return Outcome(quality=80, scale=scale), made
        scale = int(scale * 0.8)
    raise Unfit("floor")


def _shrunk(film: Animation, scale: int) -> Animation:
    width, height = film.frames[0].size
    size = max(1, width * scale // 100), max(1, height * scale // 100)
    return replace(film, frames=[frame.resize(size, Image.Resampling.BILINEAR) for frame in film.frames])
