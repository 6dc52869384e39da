"""Generated pictures, always the same: photo-like ones, interfaces with transparency, and every way to encode them."""

import random
import struct
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw

CACHE = Path(__file__).parents[2] / ".cache" / "corpus"


def photo(width: int, height: int, seed: int = 1) -> Image.Image:
    """Clouds in several octaves, light that falls off, and grain, mostly in brightness, like a camera's."""
    chance = random.Random(seed)
    bands = [_clouds(width, height, chance) for _ in range(3)]
    light = Image.radial_gradient("L").resize((width, height)).point(lambda value: 255 - value // 2)
    grain = _noise(width, height, chance).point(lambda value: 128 + (value - 128) // 24)
    lit = [ImageChops.multiply(band, light) for band in bands]
    return Image.merge("RGB", [ImageChops.add(band, grain, offset=-128) for band in lit])


def _noise(width: int, height: int, chance: random.Random) -> Image.Image:
    return Image.frombytes("L", (width, height), chance.randbytes(width * height))


def _clouds(width: int, height: int, chance: random.Random) -> Image.Image:
    cloud = Image.new("L", (width, height), 128)
    for octave in range(6):
        cells = 3 << octave
        layer = _noise(cells, max(2, cells * height // width), chance).resize((width, height), Image.Resampling.BICUBIC)
        cloud = Image.blend(cloud, layer, 0.5 / (octave + 1))
    return cloud


def text(width: int, height: int, seed: int = 2) -> Image.Image:
    chance = random.Random(seed)
    image = Image.new("RGB", (width, height), (29, 31, 33))
    draw = ImageDraw.Draw(image)
    for top in range(8, height - 20, 18):
        line = "".join(chance.choice("abcdefghijklmnopqrstuvwxyz    _.()[]=:") for _ in range(width // 9))
        draw.text(
            (12, top), line, fill=chance.choice([(197, 200, 198), (181, 189, 104), (129, 162, 190)]), font_size=14
        )
    return image


def interface(width: int, height: int, seed: int = 3) -> Image.Image:
    """Panels with shadows on a transparent background: most pixels are transparent, some half so."""
    chance = random.Random(seed)
    image = Image.new("RGBA", (width, height), (0, 0, 0, 0))
    for _ in range(12):
        left, top = chance.randrange(width // 2), chance.randrange(height // 2)
        panel = photo(width // 3, height // 3, chance.randrange(1000)).convert("RGBA")
        panel.putalpha(Image.linear_gradient("L").resize(panel.size))
        image.alpha_composite(panel, (left, top))
    return image


def film(width: int, height: int, count: int) -> list[Image.Image]:
    ground = text(width, height)
    frames = []
    for number in range(count):
        frame = ground.copy()
        ImageDraw.Draw(frame).ellipse((number * 9, number * 5, number * 9 + 80, number * 5 + 80), (230, 80, 40))
        frames.append(frame)
    return frames


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    target = BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


def wide_profile() -> bytes:
    """An ICC profile (version 2) of the Display P3 primaries with gamma 2.2."""
    columns = {b"rXYZ": (0.5151, 0.2412, -0.0011), b"gXYZ": (0.2920, 0.6922, 0.0419), b"bXYZ": (0.1571, 0.0666, 0.7841)}
    tags = {tag: b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(x * 65536) for x in xyz)) for tag, xyz in columns.items()}
    tags[b"wtpt"] = b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), b"curv\0\0\0\0" + struct.pack(">IHH", 1, 563, 0))
    tags[b"desc"] = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"wide\0" + bytes(78 + 9)
    tags[b"cprt"] = b"text\0\0\0\0none\0\0\0\0"
    return _profile(b"RGB ", tags)


def grey_profile() -> bytes:
    tags = {
        b"wtpt": b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061),
        b"kTRC": b"curv\0\0\0\0" + struct.pack(">IHH", 1, 461, 0),  # gamma 1.8
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", 5) + b"grey\0" + bytes(78 + 9),
        b"cprt": b"text\0\0\0\0none\0\0\0\0",
    }
    return _profile(b"GRAY", tags)


def _profile(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    table, body, start = b"", b"", 132 + 12 * len(tags)
    for tag, data in tags.items():
        table += tag + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    white = struct.pack(">3i", 63190, 65536, 54061)
    head = bytes(8) + b"\x02\x10\0\0mntr" + space + b"XYZ " + bytes(12) + b"acsp" + bytes(28) + white + bytes(48)
    whole = head + struct.pack(">I", len(tags)) + table + body
    return struct.pack(">I", len(whole)) + whole[4:]


def deep_png(width: int, height: int) -> bytes:
    """16 bits a channel, which Pillow writes only for grey."""
    chance = random.Random(5)
    values = b"".join(struct.pack(">H", (x * 65535 // width + chance.randrange(400)) & 0xFFFF) for x in range(width))
    return saved(Image.frombytes("I;16B", (width, height), values * height).convert("I;16"), "PNG")


def turned(image: Image.Image, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(image, "JPEG", quality=97, exif=exif.tobytes())


VARIANTS: dict[str, Callable[[], bytes]] = {
    "photo.jpg": lambda: saved(photo(3000, 2000), "JPEG", quality=95),
    "photo-444.jpg": lambda: saved(photo(2400, 1600, 4), "JPEG", quality=95, subsampling=0),
    "photo-progressive.jpg": lambda: saved(photo(2400, 1800, 5), "JPEG", quality=97, progressive=True),
    "photo-turned.jpg": lambda: turned(photo(2400, 1800, 6), 6),
    "photo.png": lambda: saved(photo(1600, 1000, 7), "PNG"),
    "photo-48mp.jpg": lambda: saved(photo(8000, 6000, 8), "JPEG", quality=90),
    "text.png": lambda: saved(text(2880, 1800), "PNG", compress_level=1),
    "text-palette.png": lambda: saved(text(2880, 1800).quantize(64), "PNG", compress_level=0),
    "wide.png": lambda: saved(photo(1600, 900, 9), "PNG", icc_profile=wide_profile()),
    "grey.png": lambda: saved(photo(2400, 1500, 10).convert("L"), "PNG"),
    "grey-profile.png": lambda: saved(photo(2400, 1500, 10).convert("L"), "PNG", icc_profile=grey_profile()),
    "deep.png": lambda: deep_png(1800, 1200),
    "interface.png": lambda: saved(interface(1800, 1200), "PNG"),
    "lossless.webp": lambda: saved(photo(1400, 900, 11), "WEBP", lossless=True, method=0),
    "lossy.webp": lambda: saved(photo(4000, 3000, 12), "WEBP", quality=97, method=0),
    "film.gif": lambda: _film("GIF"),
    "film.png": lambda: _film("PNG"),
    "film.webp": lambda: _film("WEBP", quality=98, method=0),
}


def _film(kind: str, **options: object) -> bytes:
    first, *others = film(800, 500, 40)
    return saved(first, kind, save_all=True, append_images=others, duration=100, loop=0, **options)


def drawings() -> Iterator[Path]:
    CACHE.mkdir(parents=True, exist_ok=True)
    for name, draw in VARIANTS.items():
        path = CACHE / name
        if not path.exists():
            path.write_bytes(draw())
        yield path
