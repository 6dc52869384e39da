from collections.abc import Callable
from typing import Any

import pytest

from img402_mcp.client.fit.messages import Order, Unfit
from img402_mcp.client.fit.ssim import likeness
from img402_mcp.client.fit.strategy import fit
from tests.client.fit.drawn import (
    FRAMES,
    fitted,
    saved,
)


@pytest.mark.parametrize(
    ("kind", "expected", "rounds"),
    [
        pytest.param("GIF", {}, 1, id="gif-once"),
        pytest.param("GIF", {"loop": 0}, 0, id="gif-for-ever"),
        pytest.param("GIF", {"loop": 2}, 3, id="gif-repeated-twice"),
        pytest.param("PNG", {"loop": 2}, 2, id="apng-twice"),
        pytest.param("WEBP", {"loop": 2, "lossless": True, "quality": 0}, 2, id="webp-twice"),
    ],
)
def test_an_animation_keeps_its_frames_durations_and_rounds(kind: str, expected: dict[str, Any], rounds: int):
    durations = [100, 250, 70]
    data = saved(FRAMES[0], kind, save_all=True, append_images=FRAMES[1:], duration=durations, **expected)
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
