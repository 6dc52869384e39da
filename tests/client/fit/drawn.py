"""Pictures to fit, and what is measured of them."""

import random
from io import BytesIO
from typing import Any

from PIL import Image, ImageCms, ImageDraw, ImageMath

from img402_mcp.client.fit.messages import Order, Outcome
from img402_mcp.client.fit.strategy import fit
from img402_mcp.formats import examine
from tests.fakes.pictures import chunk

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


def pure_noise(width: int, height: int) -> Image.Image:
    return Image.frombytes("RGB", (width, height), random.Random(7).randbytes(width * height * 3))


FRAMES = [Image.new("RGB", (60, 40), colour) for colour in ("red", "green", "blue")]


def with_chunk(png: bytes, kind: bytes, body: bytes) -> bytes:
    return png[:33] + chunk(kind, body) + png[33:]


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
