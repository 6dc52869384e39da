"""The ways to encode an image, and which of them suit an image by its size and kind."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from PIL import Image, ImageChops, ImageFile

from img402_mcp.client.fit.decode import DECODERS, Source

MP = 1_000_000
LOSSLESS_PIXELS = 14 * MP  # libwebp takes 24 bytes for each and up to 0.2 s for a million
ROUNDED_PIXELS = 6 * MP  # its lossless encoder again, after a first try
PNG_PIXELS = 12 * MP
LOSSY_PIXELS = 36 * MP  # ten bytes each
THOROUGH_PIXELS = 3 * MP  # above that, a tenth of the size is not worth twice the time
WEBP_SIDE = 16_383
JPEG_SIDE = 65_500
JPEG_BUFFER = 64 * MP  # bytes, of the memory that the worker has; real pictures need half a byte for each pixel


@dataclass(frozen=True)
class Encoding:
    """One kind of encoding; without quality, bits (a channel) and colours it is lossless."""

    format: str
    quality: int | None = None
    bits: int | None = None
    colours: int | None = None
    effort: int = 2


EFFORTS = (
    {"method": 0, "quality": 75},
    {"method": 2, "quality": 20},
    {"method": 2, "quality": 30},
)
"""Of WebP's lossless encoder. Each takes about twice the time of the one before; the first packs some drawings best."""
AS_PNG = Encoding("PNG")
LOSSLESS = (AS_PNG, Encoding("WebP", effort=0), Encoding("WebP", effort=1), Encoding("WebP"))
NEARLY_LOSSLESS = (Encoding("WebP", bits=7), Encoding("WebP", bits=6))
WEBP = tuple(Encoding("WebP", quality=quality) for quality in (98, 95, 92, 88, 84, 80))
JPEG = tuple(Encoding("JPEG", quality=quality) for quality in (95, 92, 88, 84, 80))
PNGS = (AS_PNG, Encoding("PNG", colours=256))


def possible(encodings: Iterable[Encoding], source: Source, formats: Collection[str]) -> list[Encoding]:
    wanted = (each for each in encodings if each.format in formats and (each.quality or 0) <= source.most_quality)
    return [encoding for encoding in wanted if _can_hold(encoding, source.image)]


def _can_hold(encoding: Encoding, image: Image.Image) -> bool:
    pixels, side = image.width * image.height, max(image.size)
    if encoding.format == "JPEG":
        return image.mode != "RGBA" and side <= JPEG_SIDE
    if encoding.format == "PNG":
        return pixels <= PNG_PIXELS
    most = ROUNDED_PIXELS if encoding.bits else LOSSLESS_PIXELS if encoding.quality is None else LOSSY_PIXELS
    return side <= WEBP_SIDE and pixels <= most


def encoded(source: Source, encoding: Encoding, pixels: int = 0) -> bytes | None:
    """As for an image of `pixels`, since a sample is encoded like the whole. None if this encoder cannot hold it."""
    image = _thinned(source.image, encoding)
    target = BytesIO()
    profile: dict[str, Any] = {"icc_profile": source.profile} if source.profile else {}
    # Pillow's buffer for a JPEG has one or two bytes per pixel, and noise needs three.
    ImageFile.MAXBLOCK = max(65_536, min(4 * image.width * image.height, JPEG_BUFFER))
    try:
        image.save(target, **_options(encoding, source, pixels or image.width * image.height), **profile)
    except (OSError, ValueError):
        return None
    return target.getvalue()


def as_seen(data: bytes, encoding: Encoding) -> Image.Image:
    return DECODERS[encoding.format](BytesIO(data))


def _thinned(image: Image.Image, encoding: Encoding) -> Image.Image:
    if encoding.bits:
        return _rounded(image, encoding.bits)
    if encoding.colours:
        return image.quantize(encoding.colours, Image.Quantize.FASTOCTREE)
    return _in_palette(image) if encoding.format == "PNG" else image


def _rounded(image: Image.Image, bits: int) -> Image.Image:
    """Each colour to the nearest of 2**bits levels; black, white and transparency stay exactly what they are."""
    levels = (1 << bits) - 1
    table = [round(round(value * levels / 255) * 255 / levels) for value in range(256)]
    keeps_alpha = [*range(256)] if image.mode == "RGBA" else []
    return image.point(table * min(len(image.getbands()), 3) + keeps_alpha)


def _in_palette(image: Image.Image) -> Image.Image:
    """With a palette, if the image has few enough colours to gain from it and the palette keeps them all."""
    if image.getcolors(16 if image.mode == "L" else 256) is None:
        return image
    small = image.quantize(256, Image.Quantize.FASTOCTREE if image.mode == "RGBA" else Image.Quantize.MEDIANCUT)
    is_same = ImageChops.difference(small.convert(image.mode), image).getbbox(alpha_only=False) is None
    return small if is_same else image


def _options(encoding: Encoding, source: Source, pixels: int) -> dict[str, Any]:
    if encoding.format == "PNG":
        return {"format": "PNG"}
    if encoding.format == "JPEG":
        # Both options need all coefficients at once.
        packing = {"optimize": pixels <= LOSSY_PIXELS, "progressive": pixels <= THOROUGH_PIXELS}
        return {"format": "JPEG", "subsampling": source.subsampling, "quality": encoding.quality, **packing}
    if encoding.quality is None:
        return {"format": "WEBP", "lossless": True, **EFFORTS[encoding.effort]}
    return {"format": "WEBP", "quality": encoding.quality, "method": 2 if pixels <= THOROUGH_PIXELS else 0}


def resized(image: Image.Image, scale: int) -> Image.Image:
    size = max(1, image.width * scale // 100), max(1, image.height * scale // 100)
    return image.resize(size, Image.Resampling.HAMMING)  # as sharp as bicubic when shrinking, in half the time
