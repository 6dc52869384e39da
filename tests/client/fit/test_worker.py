"""Whatever comes in gets an answer, and none is over the limit."""

import random
import struct
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from img402_mcp.client.fit.messages import REASONS, Order, outcome_in
from img402_mcp.client.fit.worker import answer
from img402_mcp.formats import examine
from tests.client.fit.drawn import (
    MOST,
    noise,
    pure_noise,
    saved,
)
from tests.fakes.pictures import chunk


def deep_noise(width: int, height: int) -> bytes:
    """RGB of 16 bits, which Pillow cannot write."""
    chance = random.Random(6)
    rows = b"".join(b"\0" + chance.randbytes(width * 6) for _ in range(height))
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0))
    return start + chunk(b"IDAT", zlib.compress(rows, 0)) + chunk(b"IEND", b"")


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


@settings(max_examples=10)
@given(limit=st.integers(40, 40_000), formats=st.sets(st.sampled_from(MOST), min_size=1))
def test_no_result_is_over_the_limit_by_a_byte(limit: int, formats: set[str]):
    data = saved(noise(72, 48), compress_level=0)
    order = Order(limit, "PNG", tuple(sorted(formats)))
    outcome, made = outcome_in(answer(order, data))
    assert outcome.reason == "floor" or (len(made) <= limit and examine(made).format.name in formats)


@settings(max_examples=40)
@given(data=st.data())
def test_whatever_is_damaged_gets_an_answer(data: st.DataObject, sample: Callable[[str], bytes]):
    name = data.draw(st.sampled_from(["plain.png", "palette.png", "exif.jpg", "animated.gif", "animated.webp"]))
    damaged = bytearray(sample(name))
    for _ in range(data.draw(st.integers(1, 6))):
        damaged[data.draw(st.integers(12, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    outcome, made = outcome_in(answer(Order(700, examine(sample(name)).format.name, MOST), bytes(damaged)))
    assert outcome.reason in [*REASONS] or len(made) <= 700
