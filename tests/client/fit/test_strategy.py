"""What fits without being seen is taken first, and what is scaled is scaled before it is ugly."""

import random
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageDraw

from img402_mcp.client.fit.messages import Outcome
from img402_mcp.client.fit.ssim import likeness
from tests.client.fit.drawn import (
    MOST,
    alike,
    alike_colours,
    fitted,
    noise,
    saved,
    written,
)


@pytest.mark.parametrize(
    ("image", "options"),
    [
        pytest.param(noise(120, 80), {"compress_level": 0}, id="rgb"),
        pytest.param(noise(120, 80, "RGBA"), {"compress_level": 0}, id="rgba"),
        pytest.param(alike_colours(), {"compress_level": 0}, id="alike-colours"),
        pytest.param(noise(120, 80).convert("L"), {"compress_level": 0}, id="grey"),
        pytest.param(noise(120, 80).quantize(40), {"compress_level": 0}, id="palette"),
        pytest.param(noise(120, 80).quantize(40), {"compress_level": 0, "transparency": 3}, id="palette-transparency"),
        pytest.param(Image.new("RGB", (300, 200), "red"), {"compress_level": 0, "transparency": (255, 0, 0)}, id="key"),
    ],
)
@pytest.mark.parametrize("formats", [("PNG",), ("WebP",)], ids=["png", "webp"])
def test_lossless_is_lossless(image: Image.Image, options: dict[str, Any], formats: tuple[str, ...]):
    data = saved(image, **options)
    outcome, result = fitted(data, len(data) - 1, formats)
    before, after = (each.convert("RGBA") for each in (Image.open(BytesIO(data)), result))
    assert outcome == Outcome()
    assert after.getchannel("A").tobytes() == before.getchannel("A").tobytes()
    clear = Image.new("RGBA", before.size)
    seen = [Image.composite(each, clear, each.getchannel("A").point(lambda value: 255 * (value > 0)))
            for each in (before, after)]  # fmt: skip
    assert ImageChops.difference(*seen).getbbox(alpha_only=False) is None


@pytest.mark.parametrize(
    ("image", "outcome"),
    [
        pytest.param(noise(400, 300), lambda done: done.scale == 100 and (done.quality or done.bits), id="lossy"),
        pytest.param(noise(400, 300, "RGBA"), lambda done: done.scale == 100, id="transparent"),
    ],
)
def test_what_is_lost_is_hardly_seen(image: Image.Image, outcome: Callable[[Outcome], object]):
    data = saved(image)
    done, result = fitted(data, len(data) // 3)
    assert outcome(done)
    assert likeness(image, result) >= 0.98


def test_what_would_be_ugly_is_scaled():
    data = saved(noise(400, 300))
    outcome, result = fitted(data, 6000)
    assert outcome.scale < 100
    assert result.size == (400 * outcome.scale // 100, 300 * outcome.scale // 100)


@pytest.mark.parametrize("formats", [("JPEG",), ("WebP",), MOST], ids=["jpeg", "webp", "most"])
@pytest.mark.parametrize("limit", [16_000, 28_000, 40_000])
@pytest.mark.parametrize(
    "image",
    [
        pytest.param(written((255, 255, 255), (0, 0, 0)), id="black-on-white"),
        pytest.param(written((60, 60, 255), (230, 20, 20)), id="red-on-blue-as-dark"),
    ],
)
def test_what_was_drawn_is_scaled_before_it_is_ugly(image: Image.Image, limit: int, formats: tuple[str, ...]):
    outcome, result = fitted(saved(image), limit, formats)
    assert outcome.scale < 100 or alike(image, result) >= 0.98
    assert outcome.scale >= 60


def test_where_only_png_is_taken_it_gets_fewer_colours_or_pixels():
    data = saved(noise(400, 300))
    outcome, result = fitted(data, len(data) // 4, ("PNG",))
    assert (result.format, outcome.quality) == ("PNG", None)
    assert outcome.scale < 100


def test_what_the_sample_did_not_see_counts_too():
    image = Image.new("RGB", (1200, 1200), "white")
    image.paste(Image.frombytes("RGB", (1200, 90), random.Random(4).randbytes(1200 * 90 * 3)))
    outcome, _ = fitted(saved(image), 150_000, ("JPEG",))
    assert outcome != Outcome()


def test_transparency_stays_where_only_png_is_taken():
    image = Image.new("RGBA", (300, 200))
    draw = ImageDraw.Draw(image)
    for place in range(200):
        draw.line((place, 0, place, 90), (200, place, 40, 255))
        draw.text((10, place * 16), "the quick brown fox jumps over", (20, 20, place, 255))
    data = saved(image)
    outcome, result = fitted(data, len(data) * 2 // 3, ("PNG", "JPEG"))
    assert (outcome.colours, result.format, result.has_transparency_data) == (256, "PNG", True)


def test_a_444_jpeg_keeps_the_resolution_of_its_colours():
    data = saved(noise(200, 150), "JPEG", quality=98, subsampling=0)
    _, result = fitted(data, len(data) * 2 // 3)
    assert result.format == "JPEG"
    assert {layer[1:3] for layer in result.layer} == {(1, 1)}  # type: ignore[attr-defined]
