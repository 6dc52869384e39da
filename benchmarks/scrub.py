"""Scrubbing an image in memory, proof included, against copying its bytes."""

import struct
import zlib
from collections import deque
from collections.abc import Callable
from io import BytesIO
from itertools import cycle

import anyio
from PIL import Image, ImageDraw

from benchmarks.measuring import MB, Way, medians, show, verdict
from img402_mcp.client.scrub.strip import scrubbed
from img402_mcp.formats import examine

GOAL = 2.0
ROUNDS = 101
BATCH = 8
NOISE = 40  # as grainy as a phone's sensor leaves it
THUMBNAIL = 8_000


def photo(width: int, height: int) -> Image.Image:
    """Shapes under grain, which compress about as a photo does."""
    image = Image.merge("RGB", [Image.effect_noise((width, height), NOISE) for _ in "RGB"])
    pen = ImageDraw.Draw(image)
    for number in range(12):
        left, top = number * width // 12, number * height // 15
        pen.ellipse((left, top, left + width // 9, top + height // 6), fill=(number * 20, 90, 200 - number * 10))
    return image


def exif() -> Image.Exif:
    exif_data = Image.Exif()
    exif_data.update({0x0110: "phone", 0x0112: 6, 0x0132: "2026:01:02 03:04:05"})
    exif_data.get_ifd(0x8769)[0x927C] = b"\1" * THUMBNAIL
    exif_data.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0)})
    return exif_data


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def phone_jpeg() -> bytes:
    data = encoded(photo(4032, 3024), "JPEG", quality=77, exif=exif(), comment=b"a comment")
    return data + b"\xff\xd8\xff" + b"\0" * 200_000  # as a motion photo goes on


def screenshot_png() -> bytes:
    data = encoded(photo(1250, 950), "PNG", compress_level=1, exif=exif())
    text = b"tEXtAuthor\0"
    return data[:33] + struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text)) + data[33:]


def webp() -> bytes:
    return encoded(photo(1750, 1320), "WEBP", quality=82, method=0, exif=exif(), xmp=b"<x:xmpmeta/>" * 100)


def gif() -> bytes:
    return encoded(photo(1600, 1200).quantize(256, method=Image.Quantize.FASTOCTREE), "GIF", comment=b"a comment")


PICTURES: tuple[tuple[str, Callable[[], bytes]], ...] = (
    ("phone JPEG", phone_jpeg),
    ("PNG", screenshot_png),
    ("WebP", webp),
    ("GIF", gif),
)


def ways(data: bytes) -> tuple[Way, Way, Way]:
    """A batch has eight images in memory: each turn takes another, and what it makes lives for eight turns."""
    images = cycle([(each, examine(each)) for each in (bytes(bytearray(data)) for _ in range(BATCH))])
    made: deque[object] = deque(maxlen=BATCH)

    async def copy() -> None:
        made.append(bytearray(next(images)[0]))

    async def scrub() -> None:
        made.append(scrubbed(*next(images)))

    async def walk() -> None:
        examine(next(images)[0])

    return copy, scrub, walk


async def row(name: str, data: bytes) -> tuple[str, ...]:
    copying, scrubbing, examining = await medians(ROUNDS, *ways(data))
    ratio = scrubbing / copying
    times = (f"{copying:.3f}", f"{scrubbing:.3f}", f"{ratio:.2f}", f"<= {GOAL}", verdict(ratio, GOAL))
    return f"{name}, {len(data) / MB:.1f} MB", *times, f"{examining:.3f}"


async def main() -> None:
    rows = [await row(name, make()) for name, make in PICTURES]
    title = f"Scrub, proof included, against copying the same bytes, median of {ROUNDS} interleaved runs"
    show(title, ("", "copy ms", "scrub ms", "ratio", "goal", "", "first look (examine) ms"), rows)


if __name__ == "__main__":
    anyio.run(main)
