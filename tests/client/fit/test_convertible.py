"""AVIF, BMP, HEIC and TIFF become what an API takes, looking as they did, or are refused with the reason."""

import random
import struct
import subprocess
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import PIL
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageStat

from img402_mcp.client.fit.messages import REASONS, Order, outcome_in
from img402_mcp.client.fit.strategy import fit
from img402_mcp.client.fit.subprocess import CannotFit, fitted
from img402_mcp.client.fit.worker import answer
from img402_mcp.formats import LOOKED_AT, Picture, examine
from img402_mcp.formats.lookalikes import convertible
from tests.client.fit.drawn import MOST, SRGB, noise, pure_noise, saved

UPRIGHT = Image.new("RGB", (96, 64), "white")
UPRIGHT.paste((200, 30, 20), (0, 0, 48, 32))
UPRIGHT.paste((20, 40, 190), (48, 0, 96, 32))
HEIC = Path(__file__).parents[2] / "corpus" / "heic"
"""UPRIGHT as libheif's encoder wrote it: in 10 bits, with transparency, turned with a profile, with a second page."""
Make = Callable[[Callable[[str], bytes]], bytes]
YCBCR_BY_ITSELF = pytest.mark.skipif(
    int(PIL.__version__.partition(".")[0]) < 13,
    reason="Pillow before 13 reads uncompressed YCbCr in a TIFF as if it were RGB, and then finds it cut off",
)


@pytest.fixture(scope="session")
def sample() -> Callable[[str], bytes]:
    return lambda name: (HEIC / name).read_bytes()


def made_of(data: bytes, limit: int = 1_000_000, formats: tuple[str, ...] = MOST) -> tuple[Any, Image.Image]:
    kind = convertible(data[:LOOKED_AT])
    assert kind
    outcome, made = outcome_in(answer(Order(limit, kind.name, formats), data))
    if outcome.reason:
        return outcome.reason, UPRIGHT
    assert len(made) <= limit
    assert examine(made).format.name in formats
    return outcome, Image.open(BytesIO(made))


def assert_looks_upright(result: Image.Image) -> None:
    """Of eight bits two may differ: lossy decoders round."""
    assert max(ImageStat.Stat(ImageChops.difference(result.convert("RGB"), UPRIGHT)).mean) < 3


def tiff(image: Image.Image = UPRIGHT, **options: Any) -> bytes:
    return saved(image, "TIFF", **options)


def with_tag(tag: int, value: Any, image: Image.Image = UPRIGHT) -> bytes:
    from PIL.TiffImagePlugin import ImageFileDirectory_v2  # noqa: PLC0415

    tags = ImageFileDirectory_v2()
    tags[tag] = value
    return tiff(image, tiffinfo=tags)


def grey_tiff(order: str, photometric: int) -> bytes:
    """A ramp in 16 bits, which Pillow writes only with its black at zero."""
    pixels = b"".join(struct.pack(f"{order}H", step * 1024) for step in range(64))
    tags = {256: 64, 257: 1, 258: 16, 259: 1, 262: photometric, 273: 8, 277: 1, 278: 1, 279: 128}
    fields = b"".join(struct.pack(f"{order}HHII", tag, 4, 1, value) for tag, value in tags.items())
    magic = b"II*\0" if order == "<" else b"MM\0*"
    return magic + struct.pack(f"{order}I", 136) + pixels + struct.pack(f"{order}H", len(tags)) + fields + bytes(4)


def bmp_of_version_5(space: bytes, profile: bytes) -> bytes:
    plain = saved(UPRIGHT, "BMP")
    start, pixels = 14 + 124, plain[54:]
    header = struct.pack("<I", 124) + plain[18:54].ljust(120 - 4, b"\0")
    header = header[:56] + space + header[60:112] + struct.pack("<II", 124 + len(pixels), len(profile)) + bytes(4)
    size = start + len(pixels) + len(profile)
    return b"BM" + struct.pack("<IHHI", size, 0, 0, start) + header + pixels + profile


def recoloured(data: bytes, primaries: int, transfer: int) -> bytes:
    at = data.index(b"colrnclx") + 8
    return data[:at] + struct.pack(">HH", primaries, transfer) + data[at + 4 :]


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda _: saved(UPRIGHT, "AVIF", quality=90), id="avif"),
        pytest.param(lambda _: saved(UPRIGHT, "AVIF", quality=90, icc_profile=SRGB), id="avif-profile"),
        pytest.param(lambda _: saved(UPRIGHT, "BMP"), id="bmp"),
        pytest.param(lambda _: saved(UPRIGHT.quantize(16), "BMP"), id="bmp-palette"),
        pytest.param(lambda _: bmp_of_version_5(b"BGRs", b""), id="bmp-version-5"),
        pytest.param(lambda sample: sample("turned.heic"), id="heic"),
        pytest.param(lambda sample: sample("deep.heic"), id="heic-10-bit"),
        pytest.param(lambda _: tiff(), id="tiff"),
        pytest.param(lambda _: tiff(compression="tiff_lzw"), id="tiff-lzw"),
        pytest.param(lambda _: tiff(compression="tiff_adobe_deflate"), id="tiff-deflate"),
        pytest.param(lambda _: tiff(compression="packbits"), id="tiff-packbits"),
        pytest.param(lambda _: tiff(compression="jpeg"), id="tiff-jpeg"),
        pytest.param(lambda _: tiff(UPRIGHT.convert("RGBA")), id="tiff-rgba"),
        pytest.param(lambda _: tiff(UPRIGHT.convert("YCbCr")), id="tiff-ycbcr", marks=YCBCR_BY_ITSELF),
        pytest.param(lambda _: tiff(UPRIGHT.quantize(16)), id="tiff-palette"),
        pytest.param(lambda _: tiff(big_tiff=True), id="big-tiff"),
    ],
)
def test_a_picture_looks_as_it_did(make: Make, sample):
    outcome, result = made_of(make(sample))
    assert (result.size, outcome.scale) == (UPRIGHT.size, 100)
    assert_looks_upright(result)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["AVIF", "TIFF"])
def test_a_turned_picture_comes_out_upright(kind: str, orientation: int):
    exif = Image.Exif()
    exif[0x0112] = orientation
    undone: list[Any] = [None, 0, 3, 1, 5, 2, 6, 4]  # Pillow's numbers
    turn = undone[orientation - 1]
    turned = UPRIGHT if turn is None else UPRIGHT.transpose(Image.Transpose(turn))
    options = {"quality": 95} if kind == "AVIF" else {}
    _, result = made_of(saved(turned, kind, exif=exif.tobytes() if kind == "AVIF" else exif, **options))
    assert result.size == UPRIGHT.size
    assert_looks_upright(result)


@pytest.mark.parametrize(
    ("make", "profile"),
    [
        pytest.param(lambda _: saved(UPRIGHT, "AVIF", icc_profile=SRGB), SRGB, id="avif"),
        pytest.param(lambda _: tiff(icc_profile=SRGB), SRGB, id="tiff"),
        pytest.param(lambda _: bmp_of_version_5(b"DEBM", SRGB), SRGB, id="bmp"),
    ],
)
def test_the_profile_travels_on(make: Make, profile: bytes, sample):
    _, result = made_of(make(sample))
    assert result.info["icc_profile"] == profile


def test_the_profile_of_a_heic_travels_on(sample):
    _, result = made_of(sample("turned.heic"))
    assert result.info["icc_profile"][16:20] == b"RGB "


def test_transparency_is_kept(sample):
    clear = UPRIGHT.convert("RGBA")
    clear.putalpha(Image.linear_gradient("L").resize(UPRIGHT.size))
    for data in (sample("alpha.heic"), tiff(clear), saved(clear, "AVIF", quality=90)):
        _, result = made_of(data)
        least, most = result.getchannel("A").getextrema()
        assert (least < 10, most > 245) == (True, True)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("data", "values"),
    [
        pytest.param(grey_tiff("<", 1), (0, 40, 252), id="little-endian"),
        pytest.param(grey_tiff(">", 1), (0, 40, 252), id="big-endian"),
        pytest.param(grey_tiff("<", 0), (255, 215, 3), id="white-is-zero"),
    ],
)
def test_grey_of_16_bits_keeps_its_brightness(data: bytes, values: tuple[int, ...]):
    outcome, result = made_of(data)
    grey = result.convert("L")
    assert tuple(grey.getpixel((x, 0)) for x in (0, 10, 63)) == values
    assert outcome.depth == 16


@pytest.mark.parametrize(
    ("make", "pages"),
    [
        pytest.param(lambda _: tiff(save_all=True, append_images=[noise(96, 64)] * 2), 3, id="tiff"),
        pytest.param(
            lambda _: saved(UPRIGHT, "AVIF", quality=90, save_all=True, append_images=[noise(96, 64)]), 2, id="avif"
        ),
        pytest.param(lambda sample: sample("pages.heic"), 2, id="heic"),
    ],
)
def test_of_several_pages_the_first_goes_and_the_answer_says_so(make: Make, pages: int, sample):
    outcome, result = made_of(make(sample))
    assert outcome.pages == pages
    assert f"the first of {pages} pages or frames" in outcome.in_words()
    assert_looks_upright(result)


def test_nothing_that_a_file_says_beside_its_picture_comes_along(sample):
    exif = Image.Exif()
    exif[0x010E] = "a secret place"
    files = (tiff(exif=exif), saved(UPRIGHT, "AVIF", exif=exif.tobytes(), xmp=b"<x>a secret place</x>"))
    for data in (*files, sample("turned.heic")):
        assert b"a secret place" in data
        kind = convertible(data[:LOOKED_AT])
        assert kind
        outcome, made = fit(Order(1_000_000, kind.name, MOST), data)
        assert b"a secret place" not in made
        assert outcome.had_metadata


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        pytest.param(lambda sample: recoloured(sample("deep.heic"), 9, 16), "hdr", id="heic-pq"),
        pytest.param(lambda sample: recoloured(sample("deep.heic"), 9, 18), "hdr", id="heic-hlg"),
        pytest.param(lambda _: recoloured(saved(UPRIGHT, "AVIF"), 9, 16), "hdr", id="avif-pq"),
        pytest.param(lambda _: recoloured(saved(UPRIGHT, "AVIF"), 9, 18), "hdr", id="avif-hlg"),
        pytest.param(
            lambda _: recoloured(saved(UPRIGHT, "AVIF", save_all=True, append_images=[noise(96, 64)]), 9, 16),
            "hdr",
            id="avif-sequence-pq",
        ),
        pytest.param(lambda _: tiff(UPRIGHT.convert("F")), "hdr", id="tiff-float"),
        pytest.param(lambda _: tiff(UPRIGHT.convert("I")), "hdr", id="tiff-32-bit"),
        pytest.param(lambda _: saved(UPRIGHT, "BMP")[:28] + b"\x40\0" + bytes(20_000), "unknown", id="bmp-64-bit"),
        pytest.param(lambda _: recoloured(saved(UPRIGHT, "AVIF"), 12, 13), "colours", id="avif-p3-without-profile"),
        pytest.param(lambda sample: recoloured(sample("deep.heic"), 9, 13), "colours", id="heic-wide-without-profile"),
        pytest.param(lambda _: bmp_of_version_5(b"KNIL", b"/etc/passwd\0"), "colours", id="bmp-profile-elsewhere"),
        pytest.param(lambda _: tiff(UPRIGHT.convert("CMYK")), "profile", id="tiff-cmyk"),
        pytest.param(lambda _: with_tag(254, 1), "raw", id="tiff-preview-first"),
        pytest.param(lambda _: with_tag(50706, b"\1\4\0\0"), "raw", id="dng"),
        pytest.param(lambda _: tiff()[:200], "unknown", id="tiff-cut-off"),
        pytest.param(lambda sample: sample("turned.heic")[:700], "unknown", id="heic-cut-off"),
        pytest.param(lambda _: saved(noise(96, 64), "AVIF")[:600], "unknown", id="avif-cut-off"),
        pytest.param(lambda _: tiff(Image.new("1", (8000, 7000)), compression="group4"), "pixels", id="tiff-bomb"),
        pytest.param(
            lambda _: saved(Image.new("1", (8, 8)), "BMP")[:18] + b"\xff\xff\0\0" * 2, "unknown", id="bmp-bomb"
        ),
    ],
)
def test_what_would_not_look_as_it_is_meant_is_refused(make: Make, reason: str, sample):
    assert made_of(make(sample))[0] == reason
    assert reason in REASONS


def test_what_was_lossy_is_not_given_more_quality_than_it_had():
    outcome, _ = made_of(saved(pure_noise(900, 700), "AVIF", quality=90))
    assert outcome.quality is not None
    assert outcome.quality <= 92


def test_a_large_lossy_picture_is_not_blown_up_to_a_lossless_one():
    data = saved(noise(1600, 1200), "AVIF", quality=80)
    _, made = fit(Order(10_000_000, "AVIF", MOST), data)
    assert len(made) < max(300_000, 4 * len(data))


async def test_in_the_worker_no_file_is_opened_and_the_answer_names_both_formats(sample):
    data = sample("turned.heic")
    kind = convertible(data[:LOOKED_AT])
    assert kind
    done = await fitted(data, Picture(kind, 0, 0, len(data)), 1_000_000)
    assert done.step == "heic -> png, lossless, metadata dropped"
    assert (done.picture.width, done.picture.height) == UPRIGHT.size


async def test_a_refusal_names_the_reason_and_the_way_out():
    data = tiff(UPRIGHT.convert("F"))
    kind = convertible(data[:LOOKED_AT])
    assert kind
    with pytest.raises(CannotFit, match=r"cannot be converted: it is HDR .* Export it as an SDR image"):
        await fitted(data, Picture(kind, 0, 0, len(data)), 1_000_000)


@pytest.mark.parametrize(
    ("missing", "name", "make", "way_out"),
    [
        pytest.param("pi_heif", "HEIC", lambda sample: sample("turned.heic"), "img402-mcp[heic]", id="heic"),
        pytest.param("PIL._avif", "AVIF", lambda _: saved(UPRIGHT, "AVIF"), "Save it as JPEG or PNG", id="avif"),
    ],
)
def test_where_a_decoder_is_missing_the_refusal_says_which(missing: str, name: str, make: Make, way_out: str, sample):
    program = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from img402_mcp.client.fit.messages import Order, outcome_in\n"
        "from img402_mcp.client.fit.worker import answer\n"
        f"print(outcome_in(answer(Order(10**6, {name!r}, ('PNG',)), sys.stdin.buffer.read()))[0].reason)"
    )
    done = subprocess.run([sys.executable, "-c", program], input=make(sample), capture_output=True, check=True)
    assert done.stdout.decode().split() == [name.lower()]
    assert way_out in REASONS[name.lower()][1]


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_whatever_is_damaged_gets_an_answer(data: st.DataObject, sample: Callable[[str], bytes]):
    whole = data.draw(
        st.sampled_from(
            [
                saved(UPRIGHT, "AVIF", quality=60),
                saved(UPRIGHT.quantize(16), "BMP"),
                tiff(compression="tiff_lzw", save_all=True, append_images=[UPRIGHT]),
                tiff(compression="jpeg", icc_profile=SRGB),
                bmp_of_version_5(b"DEBM", SRGB),
                sample("turned.heic"),
                sample("pages.heic"),
            ]
        )
    )
    kind = convertible(whole[:LOOKED_AT])
    assert kind
    damaged = bytearray(whole)
    chance = random.Random(data.draw(st.integers()))
    for _ in range(data.draw(st.integers(1, 8))):
        damaged[chance.randrange(8, len(damaged))] = chance.randrange(256)
    outcome, made = outcome_in(answer(Order(3000, kind.name, MOST), bytes(damaged)))
    assert outcome.reason in [*REASONS] or len(made) <= 3000


@settings(max_examples=25, deadline=None)
@given(
    width=st.integers(1, 90), height=st.integers(1, 90), mode=st.sampled_from(["1", "L", "P", "RGB"]),
    kind=st.sampled_from(["BMP", "TIFF"]),
)  # fmt: skip
def test_any_plain_picture_is_converted_without_loss(width: int, height: int, mode: str, kind: str):
    image = pure_noise(width, height).convert(mode)
    _, result = made_of(saved(image, kind))
    assert result.convert("RGB").tobytes() == image.convert("RGB").tobytes()
