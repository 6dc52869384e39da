from io import BytesIO

import pytest
from PIL import Image, ImageChops

from img402_mcp.client.fit.decode import Source
from img402_mcp.client.fit.encoders import Encoding, encoded
from tests.client.fit.drawn import noise, pure_noise


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
