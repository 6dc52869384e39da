"""What is read of a file: its pixels upright, its colours as they are meant, and nothing of what it tells beside."""

import struct
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from img402_mcp.client.fit.messages import Order, Unfit, outcome_in
from img402_mcp.client.fit.strategy import fit
from img402_mcp.client.fit.worker import answer
from tests.client.fit.drawn import (
    FRAMES,
    MOST,
    SRGB,
    fitted,
    noise,
    saved,
    with_chunk,
)


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
    assert outcome.depth == 16
    assert result.convert("L").crop((0, 0, 200, 1)).tobytes() == values[1::2]


def test_cmyk_without_a_profile_is_refused(sample: Callable[[str], bytes]):
    with pytest.raises(Unfit, match="^profile$"):
        fit(Order(500, "JPEG", MOST), sample("cmyk.jpg"))
