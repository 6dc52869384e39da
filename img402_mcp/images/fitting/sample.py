"""Tiles from all over an image stand for the whole: what an encoding would weigh, and how like the original it is."""

from typing import Any, cast

from PIL import Image, ImageMath

TILE = 96
TILES = 32
SMALL = 2 * TILE * TILE * TILES
"""Pixels below which the image is its own sample."""


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
"""The constants of Wang, Bovik, Sheikh and Simoncelli (2004): dark and flat places do not divide by nothing."""


def likeness(one: Image.Image, other: Image.Image) -> float:
    """SSIM of the luminance over white, by blocks of 8x8 that stand side by side. 1: the same."""
    a, b = _seen(one), _seen(other)
    means, spreads = (_mean(a), _mean(b)), (_mean(_product(a, a)), _mean(_product(b, b)), _mean(_product(a, b)))
    score = ImageMath.lambda_eval(_ssim, x=means[0], y=means[1], xx=spreads[0], yy=spreads[1], xy=spreads[2])
    return float(score.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0)))


def _over_white(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))


def _seen(image: Image.Image) -> Image.Image:
    return _over_white(image).convert("L").convert("F")


def _mean(image: Image.Image) -> Image.Image:
    return image.reduce(BLOCK)


def _product(a: Image.Image, b: Image.Image) -> Image.Image:
    return cast("Image.Image", ImageMath.lambda_eval(lambda told: told["a"] * told["b"], a=a, b=b))


def _ssim(of: dict[str, Any]) -> Any:  # noqa: ANN401  # ImageMath's operands have no public type
    x, y = of["x"], of["y"]
    mean = (2 * x * y + STEADY_MEAN) / (x * x + y * y + STEADY_MEAN)
    together, apart = of["xy"] - x * y, of["xx"] - x * x + of["yy"] - y * y
    return mean * (2 * together + STEADY_SPREAD) / (apart + STEADY_SPREAD)
