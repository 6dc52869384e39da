"""A sample of tiles from all over an image: it shows how large an encoding would be, and how like the original."""

from collections.abc import Callable
from typing import Any, cast

from PIL import Image, ImageMath

TILE = 96
TILES = 24
SMALL = 2 * TILE * TILE * TILES
"""Below so many pixels, the image is its own sample."""


def sample_of(image: Image.Image) -> tuple[Image.Image, float]:
    """A mosaic of tiles on an even grid, and which part of the pixels it holds."""
    width, height = image.size
    if width * height <= SMALL or min(width, height) < TILE:
        return image, 1.0
    across = max(1, min(width // TILE, round((TILES * width / height) ** 0.5)))
    down = max(1, min(height // TILE, TILES // across))
    mosaic = Image.new(image.mode, (across * TILE, down * TILE))
    for column in range(across):
        for row in range(down):
            left, top = _start(column, across, width), _start(row, down, height)
            tile = image.crop((left, top, left + TILE, top + TILE))
            mosaic.paste(tile, (column * TILE, row * TILE))
    return mosaic, mosaic.width * mosaic.height / (width * height)


def _start(number: int, count: int, length: int) -> int:
    return (2 * number + 1) * (length - TILE) // (2 * count)


BLOCK = 8
STEADY_MEAN, STEADY_SPREAD = (0.01 * 255) ** 2, (0.03 * 255) ** 2
"""The constants of Wang, Bovik, Sheikh and Simoncelli (2004): for dark and flat places."""

SPOT = 12  # blocks: as wide as a tile
SPOTS = 10
"""One place that lost so much is as bad as an image that lost a tenth of that everywhere."""
COLOUR = 0.25  # of the weight of brightness, as eyes see its details

Spreads = tuple[Image.Image, Image.Image, Image.Image]
"""By blocks: the two variances, and the covariance."""


def likeness(one: Image.Image, other: Image.Image) -> float:
    """SSIM over white, by adjacent blocks of 8x8. 1: the same.

    The least of three: of the luminance; of luminance and colour together (a text that its brightness shows may lose
    some colour, one that only its colour shows may not); and of the place that lost the most.
    """
    a, b = _planes(one), _planes(other)
    means = a[0].reduce(BLOCK), b[0].reduce(BLOCK)
    spreads = [(_spread(x, x), _spread(y, y), _spread(x, y)) for x, y in zip(a, b, strict=True)]
    bright, both = _ssim(*means, *spreads[0]), _ssim(*means, *_together(spreads))
    blocks = both.reduce(min(SPOT, *both.size))
    least = cast("tuple[float, float]", blocks.getextrema())[0]
    return min(_average(bright), _average(both), 1 - (1 - least) / SPOTS)


def _average(scores: Image.Image) -> float:
    return cast("float", scores.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0)))


def _planes(image: Image.Image) -> list[Image.Image]:
    """Luminance, and two of colour."""
    if image.has_transparency_data:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    return [plane.convert("F") for plane in image.convert("RGB").convert("YCbCr").split()]


def _spread(a: Image.Image, b: Image.Image) -> Image.Image:
    product = _computed(lambda of: of["a"] * of["b"], a=a, b=b).reduce(BLOCK)
    return _computed(lambda of: of["ab"] - of["a"] * of["b"], ab=product, a=a.reduce(BLOCK), b=b.reduce(BLOCK))


def _together(planes: list[Spreads]) -> Spreads:
    one, other, both = (
        _computed(lambda of: of["y"] + COLOUR * (of["cb"] + of["cr"]), y=y, cb=cb, cr=cr)
        for y, cb, cr in zip(*planes, strict=True)
    )
    return one, other, both


def _ssim(x: Image.Image, y: Image.Image, xx: Image.Image, yy: Image.Image, xy: Image.Image) -> Image.Image:
    return _computed(_score, x=x, y=y, xx=xx, yy=yy, xy=xy)


def _computed(how: Callable[[dict[str, Any]], Any], **of: Image.Image) -> Image.Image:
    return cast("Image.Image", ImageMath.lambda_eval(how, **of))


def _score(of: dict[str, Any]) -> Any:  # noqa: ANN401  # ImageMath's operands have no public type
    x, y = of["x"], of["y"]
    mean = (2 * x * y + STEADY_MEAN) / (x * x + y * y + STEADY_MEAN)
    return mean * (2 * of["xy"] + STEADY_SPREAD) / (of["xx"] + of["yy"] + STEADY_SPREAD)
