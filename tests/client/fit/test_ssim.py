import pytest
from PIL import Image, ImageChops

from img402_mcp.client.fit.ssim import likeness, sample_of
from tests.client.fit.drawn import alike, noise, written


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
