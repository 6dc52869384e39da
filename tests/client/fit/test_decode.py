"""What the child does with pixels, in this process: small pictures, and whatever is needed beside them to be seen."""

import random
import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageCms, ImageDraw, ImageMath

from img402_mcp.client.fit.decode import Source, Unfit
from img402_mcp.client.fit.encoders import Encoding, encoded
from img402_mcp.client.fit.messages import REASONS, Order, Outcome, outcome_in
from img402_mcp.client.fit.ssim import likeness, sample_of
from img402_mcp.client.fit.strategy import fit
from img402_mcp.client.fit.worker import answer
from img402_mcp.formats import examine

MOST = ("PNG", "JPEG", "WebP")
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def alike_colours() -> Image.Image:
    """Few, but too much alike for a palette made in haste."""
    image = Image.linear_gradient("L").crop((0, 0, 256, 180))
    return Image.merge("RGBA", (image, image, image, image.point(lambda value: 255 - (value > 170))))


def saved(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    target = BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


def noise(width: int, height: int, mode: str = "RGB") -> Image.Image:
    """Smooth, and too colourful for a palette."""
    small = (width // 8, height // 8)
    values = random.Random(1).randbytes(small[0] * small[1] * len(mode))
    return Image.frombytes(mode, small, values).resize((width, height), Image.Resampling.BICUBIC)


def alike(one: Image.Image, other: Image.Image) -> float:
    """The least SSIM of red, green and blue, by windows of 4x4: apart from what the product measures by."""
    bands = zip(one.convert("RGB").split(), other.convert("RGB").split(), strict=True)
    return min(ssim(a.convert("F"), b.convert("F")) for a, b in bands)


def ssim(a: Image.Image, b: Image.Image) -> float:
    products = [ImageMath.lambda_eval(lambda of: of["p"] * of["q"], p=p, q=q) for p, q in ((a, a), (b, b), (a, b))]
    names = ("a", "b", "aa", "bb", "ab")
    means = {name: image.reduce(4) for name, image in zip(names, (a, b, *products), strict=True)}
    return float(ImageMath.lambda_eval(score, **means).resize((1, 1), Image.Resampling.BOX).getpixel((0, 0)))


def score(of: dict[str, Any]) -> Any:
    same, both = of["a"] * of["b"], of["a"] * of["a"] + of["b"] * of["b"]
    return (2 * same + 6.5) * (2 * (of["ab"] - same) + 58.5) / ((both + 6.5) * (of["aa"] + of["bb"] - both + 58.5))


def written(ground: tuple[int, int, int], ink: tuple[int, int, int]) -> Image.Image:
    """Small text on the left, grain on the right."""
    grain = Image.frombytes("L", (360, 240), random.Random(5).randbytes(360 * 240)).point(
        lambda value: 118 + value // 16
    )
    image = Image.merge("RGB", (grain, grain, grain))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 180, 240), fill=ground)
    for top in range(0, 240, 12):
        draw.text((2, top), "small text, one pixel wide", fill=ink)
    return image


def fitted(data: bytes, limit: int, formats: tuple[str, ...] = MOST) -> tuple[Outcome, Image.Image]:
    outcome, made = fit(Order(limit, examine(data).format.name, formats), data)
    assert len(made) <= limit
    assert examine(made).format.name in formats
    return outcome, Image.open(BytesIO(made))


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def with_chunk(png: bytes, kind: bytes, body: bytes) -> bytes:
    return png[:33] + chunk(kind, body) + png[33:]


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
        pytest.param(noise(400, 300), lambda told: told.scale == 100 and (told.quality or told.bits), id="lossy"),
        pytest.param(noise(400, 300, "RGBA"), lambda told: told.scale == 100, id="transparent"),
    ],
)
def test_what_is_lost_is_hardly_seen(image: Image.Image, outcome: Callable[[Outcome], object]):
    data = saved(image)
    told, result = fitted(data, len(data) // 3)
    assert outcome(told)
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


def deep_noise(width: int, height: int) -> bytes:
    """RGB of 16 bits, which Pillow cannot write."""
    chance = random.Random(6)
    rows = b"".join(b"\0" + chance.randbytes(width * 6) for _ in range(height))
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0))
    return start + chunk(b"IDAT", zlib.compress(rows, 0)) + chunk(b"IEND", b"")


def pure_noise(width: int, height: int) -> Image.Image:
    return Image.frombytes("RGB", (width, height), random.Random(7).randbytes(width * height * 3))


@pytest.mark.parametrize("formats", [("JPEG",), MOST], ids=["jpeg", "most"])
@pytest.mark.parametrize(
    ("data", "limit"),
    [
        pytest.param(lambda: saved(pure_noise(1200, 800), compress_level=0), 1_048_576, id="png"),
        pytest.param(lambda: saved(pure_noise(1200, 800), "JPEG", quality=98, subsampling=0), 1_600_000, id="jpeg-444"),
        pytest.param(lambda: deep_noise(400, 300), 131_072, id="16-bit"),
    ],
)
def test_noise_is_made_to_fit_like_anything_else(data: Callable[[], bytes], limit: int, formats: tuple[str, ...]):
    noisy = data()
    outcome, made = outcome_in(answer(Order(limit, examine(noisy).format.name, formats), noisy))
    assert outcome.reason is None
    assert limit // 3 < len(made) <= limit


def test_the_best_jpeg_can_hold_pure_noise():
    made = encoded(Source(pure_noise(300, 200), None, was_photo=False), Encoding("JPEG", quality=95))
    assert made is not None
    assert len(made) > 2 * 300 * 200


def test_a_way_that_cannot_hold_an_image_is_none_and_no_error():
    assert encoded(Source(noise(80, 80, "RGBA"), None, was_photo=False), Encoding("JPEG", quality=90)) is None
    assert encoded(Source(Image.new("L", (16_400, 1)), None, was_photo=False), Encoding("WebP", quality=90)) is None


@pytest.mark.parametrize("bits", [7, 6])
def test_colours_are_rounded_to_the_nearest_level(bits: int):
    ramp = Image.linear_gradient("L").resize((256, 256)).convert("RGB")
    made = encoded(Source(ramp, None, was_photo=False), Encoding("WebP", bits=bits))
    apart = ImageChops.subtract(Image.open(BytesIO(made or b"")), ramp, offset=128)
    shades = sorted(apart.convert("L").tobytes())
    assert 128 - shades[0] == shades[-1] - 128 <= 1 << (7 - bits)


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


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_comes_out_upright(orientation: int):
    upright = Image.new("RGB", (64, 32), "white")
    upright.paste("black", (0, 0, 32, 16))
    upright.paste("blue", (32, 0, 64, 16))
    exif = Image.Exif()
    exif[0x0112] = orientation
    turns: list[Any] = [None, 0, 3, 1, 5, 2, 6, 4]  # Pillow's numbers of what undoes each
    turned = upright if turns[orientation - 1] is None else upright.transpose(Image.Transpose(turns[orientation - 1]))
    data = saved(turned, "JPEG", quality=100, exif=exif.tobytes(), comment=b"x" * 3000)
    _, result = fitted(data, 1500, ("WebP",))
    assert result.size == (64, 32)
    corners = [result.convert("RGB").getpixel(place) for place in ((8, 4), (56, 4), (8, 28), (56, 28))]
    assert [max(corner) > 128 for corner in corners] == [False, True, True, True]  # type: ignore[arg-type]
    assert [min(corner) > 128 for corner in corners] == [False, False, True, True]  # type: ignore[arg-type]


def test_no_metadata_comes_along():
    exif = Image.Exif()
    exif[0x010E] = "a secret place"
    data = saved(noise(200, 100), "JPEG", quality=95, exif=exif.tobytes(), comment=b"secret", xmp=b"<x>secret</x>")
    for taken in MOST[1:]:
        _, made = fit(Order(len(data) - 200, "JPEG", (taken,)), data)
        assert b"secret" not in made
        assert not Image.open(BytesIO(made)).info.keys() & {"exif", "comment", "xmp"}


TEXT_CHUNK = b"Comment\0a secret place"


FRAMES = [Image.new("RGB", (60, 40), colour) for colour in ("red", "green", "blue")]


def film(**metadata: Any) -> bytes:
    return saved(FRAMES[0], "GIF", save_all=True, append_images=FRAMES[1:], **metadata)


def photo_with(**metadata: Any) -> bytes:
    return saved(noise(200, 100), "JPEG", quality=98, **metadata)


@pytest.mark.parametrize(
    ("data", "had"),
    [
        pytest.param(lambda: photo_with(comment=b"x"), True, id="comment"),
        pytest.param(lambda: photo_with(xmp=b"<x>x</x>"), True, id="xmp"),
        pytest.param(lambda: photo_with(exif=exif_of(0x010E, "place")), True, id="exif"),
        pytest.param(lambda: photo_with(exif=exif_of(0x0112, 6)), False, id="turned"),
        pytest.param(lambda: with_chunk(saved(noise(200, 100)), b"tEXt", TEXT_CHUNK), True, id="png-text"),
        pytest.param(lambda: saved(noise(200, 100)), False, id="plain"),
        pytest.param(lambda: film(comment=b"x"), True, id="animated"),
        pytest.param(film, False, id="animated-plain"),
    ],
)
def test_dropped_metadata_is_said(data: Callable[[], bytes], had: bool):  # noqa: FBT001
    file = data()
    outcome, _ = fitted(file, max(500, len(file) * 3 // 4), ("JPEG", "WebP"))
    assert outcome.had_metadata == had


def exif_of(tag: int, value: object) -> bytes:
    exif = Image.Exif()
    exif[tag] = value
    return exif.tobytes()


@pytest.mark.parametrize("taken", MOST)
def test_a_colour_profile_stays(taken: str):
    _, result = fitted(saved(noise(200, 100), compress_level=0, icc_profile=SRGB), 50_000, (taken,))
    assert result.info["icc_profile"] == SRGB


@pytest.mark.parametrize(
    ("kind", "body", "is_taken"),
    [
        pytest.param(b"cICP", bytes((12, 13, 0, 1)), False, id="cICP-P3"),
        pytest.param(b"cICP", bytes((9, 16, 0, 1)), False, id="cICP-HDR"),
        pytest.param(b"cICP", bytes((1, 13, 0, 1)), True, id="cICP-sRGB"),
        pytest.param(b"gAMA", struct.pack(">I", 100_000), False, id="linear"),
        pytest.param(b"gAMA", struct.pack(">I", 45_455), True, id="gamma-of-sRGB"),
        pytest.param(
            b"cHRM", struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000), False, id="primaries-P3"
        ),
        pytest.param(
            b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000), True, id="primaries"
        ),
    ],
)
def test_colours_that_would_be_lost_are_refused(kind: bytes, body: bytes, is_taken: bool):  # noqa: FBT001
    data = with_chunk(saved(noise(100, 60), compress_level=0), kind, body)
    order = Order(len(data) - 100, "PNG", MOST)
    assert outcome_in(answer(order, data))[0].reason == (None if is_taken else "colours")


def test_16_bits_become_8_and_that_is_said():
    values = b"".join(struct.pack("<H", x * 300 % 65536) for x in range(200))
    outcome, result = fitted(saved(Image.frombytes("I;16", (200, 100), values * 100)), 2000)
    assert outcome.was_deep
    assert result.convert("L").crop((0, 0, 200, 1)).tobytes() == values[1::2]


def test_cmyk_without_a_profile_is_refused(sample: Callable[[str], bytes]):
    with pytest.raises(Unfit, match="^profile$"):
        fit(Order(500, "JPEG", MOST), sample("cmyk.jpg"))


def test_a_444_jpeg_keeps_the_resolution_of_its_colours():
    data = saved(noise(200, 150), "JPEG", quality=98, subsampling=0)
    _, result = fitted(data, len(data) * 2 // 3)
    assert result.format == "JPEG"
    assert {layer[1:3] for layer in result.layer} == {(1, 1)}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("kind", "told", "rounds"),
    [
        pytest.param("GIF", {}, 1, id="gif-once"),
        pytest.param("GIF", {"loop": 0}, 0, id="gif-for-ever"),
        pytest.param("GIF", {"loop": 2}, 3, id="gif-repeated-twice"),
        pytest.param("PNG", {"loop": 2}, 2, id="apng-twice"),
        pytest.param("WEBP", {"loop": 2, "lossless": True, "quality": 0}, 2, id="webp-twice"),
    ],
)
def test_an_animation_keeps_its_frames_durations_and_rounds(kind: str, told: dict[str, Any], rounds: int):
    durations = [100, 250, 70]
    data = saved(FRAMES[0], kind, save_all=True, append_images=FRAMES[1:], duration=durations, **told)
    _, result = fitted(data, 1000)
    shown = []
    for number, frame in enumerate(FRAMES):
        result.seek(number)
        assert likeness(frame, result.convert("RGB")) > 0.98
        shown.append(result.info["duration"])
    assert (shown, result.info["loop"], result.format) == (durations, rounds, "WEBP")


def test_an_animation_is_refused_where_webp_is_not_taken(sample: Callable[[str], bytes]):
    with pytest.raises(Unfit, match="^moving$"):
        fit(Order(500, "GIF", ("PNG", "JPEG")), sample("animated.gif"))


def test_a_sample_comes_from_all_over():
    image = Image.linear_gradient("L").resize((3000, 2000))
    mosaic, share = sample_of(image)
    assert share == pytest.approx(mosaic.width * mosaic.height / 6_000_000)
    darkest, brightest = sorted(mosaic.tobytes())[:: len(mosaic.tobytes()) - 1]
    assert darkest < 40
    assert brightest > 215


def test_the_likeness_of_the_same_is_1_and_of_a_negative_below_0():
    image = noise(200, 100)
    assert likeness(image, image) == pytest.approx(1.0)
    assert likeness(image, ImageChops.invert(image)) < 0


def test_a_place_that_is_lost_counts_though_the_rest_is_the_same():
    image = noise(960, 768)
    harmed = image.copy()
    harmed.paste(ImageChops.invert(image.crop((96, 96, 192, 192))), (96, 96))
    assert likeness(image, harmed) < 0.9 < alike(image, harmed)


def test_colours_count_where_brightness_tells_nothing():
    image = written((60, 60, 255), (230, 20, 20))
    assert likeness(image, image.convert("L").convert("RGB")) < 0.8 < alike(image.convert("L"), image.convert("L"))


@settings(max_examples=10, deadline=None)
@given(limit=st.integers(40, 40_000), formats=st.sets(st.sampled_from(MOST), min_size=1))
def test_no_result_is_over_the_limit_by_a_byte(limit: int, formats: set[str]):
    data = saved(noise(72, 48), compress_level=0)
    order = Order(limit, "PNG", tuple(sorted(formats)))
    outcome, made = outcome_in(answer(order, data))
    assert outcome.reason == "floor" or (len(made) <= limit and examine(made).format.name in formats)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_whatever_is_damaged_gets_an_answer(data: st.DataObject, sample: Callable[[str], bytes]):
    name = data.draw(st.sampled_from(["plain.png", "palette.png", "exif.jpg", "animated.gif", "animated.webp"]))
    damaged = bytearray(sample(name))
    for _ in range(data.draw(st.integers(1, 6))):
        damaged[data.draw(st.integers(12, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    outcome, made = outcome_in(answer(Order(700, examine(sample(name)).format.name, MOST), bytes(damaged)))
    assert outcome.reason in [*REASONS] or len(made) <= 700
