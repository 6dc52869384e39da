"""Images as programs leave them behind: an end mark missing, stray bytes, wrong sizes. Viewers show most of them.

Each row of BROKEN has the broken image, the one that it shows, and what is said of the repair. Pillow drew them all.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from PIL import Image, ImageDraw

from img402_mcp.formats import examine
from img402_mcp.formats.walk import pieces
from tests.fakes.structures import chunk, part, riff, segment


def picture(number: int = 0, size: tuple[int, int] = (64, 40), mode: str = "RGB") -> Image.Image:
    image = Image.new("RGB", size, (240, 240, 245))
    pen = ImageDraw.Draw(image)
    pen.rectangle((4, 4, size[0] // 2, size[1] - 6), fill=(200, 30 + number * 7 % 200, 60))
    pen.ellipse((size[0] // 2, 5, size[0] - 5, size[1] - 5), fill=(20, 160, (90 + number * 31) % 255))
    return image.convert(mode)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def moving(kind: str, mode: str = "RGB", **options: Any) -> bytes:
    first, *others = (picture(number, mode=mode) for number in range(3))
    return encoded(first, kind, save_all=True, append_images=others, duration=80, **options)


def starts(data: bytes, kind: bytes) -> list[int]:
    found = examine(data).format
    return [piece.start for piece in pieces(data, found, {}) if piece.kind == kind]


def put(data: bytes, at: int, new: bytes, length: int = 0) -> bytes:
    """`data` with `new` in place of so many bytes."""
    return data[:at] + new + data[at + length :]


def inside(data: bytes) -> list[tuple[bytes, bytes]]:
    """The chunks of a WebP, without their padding."""
    found = []
    for piece in pieces(data, examine(data).format, {}):
        (length,) = struct.unpack_from("<I", data, piece.start + 4)
        found.append((piece.kind, data[piece.start + 8 : piece.start + 8 + length]))
    return found


STILL_GIF = encoded(picture(mode="P"), "GIF")
GIF = moving("GIF", "P", loop=0)
JPEG = encoded(picture(), "JPEG", quality=90)
PROGRESSIVE = encoded(picture(), "JPEG", quality=90, progressive=True)
RESTARTS = encoded(picture(), "JPEG", quality=90, restart_marker_rows=1)
PNG = encoded(picture(), "PNG")
APNG = moving("PNG")
WEBP = encoded(picture(), "WEBP", quality=80, exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0", xmp=b"<x/>")
MOVING_WEBP = moving("WEBP")

END, STRAY, SIZE, LENGTH = (
    "end mark was missing",
    "stray bytes between its parts",
    "wrong size in its header",
    "wrong length in its header",
)
TAIL, BLANK, PADDING = "a cut-off part after the pixels", "padding after its end", "padding byte was missing"
MARKS, CONTROL, DAMAGED = (
    "wrong flags in its header",
    "control blocks of the wrong length",
    "damaged chunks that viewers skip",
)


@dataclass(frozen=True)
class Broken:
    name: str
    data: bytes
    whole: bytes
    repairs: tuple[str, ...]


def gifs() -> Iterator[Broken]:
    second = starts(GIF, b"!\xf9")[1]
    frame = starts(STILL_GIF, b",")[0]
    control = starts(GIF, b"!\xf9")[0]
    screen = {"20x10": (20, 10), "0x0": (0, 0), "0x40": (0, 40), "64x0": (64, 0), "63x40": (63, 40)}
    for name, data, *steps in (
        ("no-trailer", GIF[:-1], END),
        ("still-without-trailer", STILL_GIF[:-1], END),
        ("zeros-for-the-trailer", GIF[:-1] + bytes(2), END),
        ("many-zeros-for-the-trailer", GIF[:-1] + bytes(5000), END),
        ("newline-for-the-trailer", GIF[:-1] + b"\r\n", END),
        ("no-last-terminator", GIF[:-2], END),
        ("no-last-terminator-but-a-trailer", GIF[:-2] + b";", END),
        ("zero-between-frames", put(GIF, second, b"\0"), STRAY),
        ("zero-behind-each-frame", put(put(GIF, second, bytes(3)), control, bytes(2)), STRAY),
        ("text-between-frames", put(GIF, second, b"abc"), STRAY),
        ("zeros-before-the-first-block", put(GIF, control, bytes(4)), STRAY),
        ("zeros-before-the-trailer", GIF[:-1] + b"\0\0;", STRAY),
        ("zero-between-and-no-trailer", put(GIF[:-1], second, b"\0"), STRAY, END),
        ("cut-off-comment", GIF[:-1] + b"!\xfe\x10abc", TAIL, END),
        ("padding-behind", GIF + bytes(700), BLANK),
        ("empty-control", put(GIF, control, b"!\xf9\0"), CONTROL),
        ("long-control", put(GIF, control + 7, b"\x03abc"), CONTROL),
    ):
        yield Broken(f"gif-{name}", data, STILL_GIF if name.startswith("still") else GIF, tuple(steps))
    for name, size in screen.items():
        yield Broken(f"gif-screen-{name}", put(GIF, 6, struct.pack("<HH", *size), 4), GIF, (SIZE,))
    moved, wide = (put(STILL_GIF, at, new, 4) for at, new in ((frame + 1, b"\x1e\0\x1e\0"), (6, b"\x5e\0\x46\0")))
    yield Broken("gif-frame-beyond-the-screen", moved, put(moved, 6, wide[6:10], 4), (SIZE,))


def jpegs() -> Iterator[Broken]:
    frame, scan = starts(JPEG, b"\xc0")[0], starts(JPEG, b"\xda")[0]
    for kind, whole in (("", JPEG), ("progressive-", PROGRESSIVE), ("restarts-", RESTARTS)):
        yield Broken(f"jpeg-{kind}no-end", whole[:-2], whole, (END,))
        yield Broken(f"jpeg-{kind}half-an-end", whole[:-1], whole, (END,))
        yield Broken(f"jpeg-{kind}zeros-for-the-end", whole[:-2] + bytes(100), whole, (END,))
        yield Broken(f"jpeg-{kind}fill-for-the-end", whole[:-2] + b"\xff" * 50, whole, (END,))
    for name, data, *steps in (
        ("zeros-before-the-frame", put(JPEG, frame, bytes(4)), STRAY),
        ("text-before-the-frame", put(JPEG, frame, b"hello world"), STRAY),
        ("stuffing-before-the-frame", put(JPEG, frame, b"a\xff\0b"), STRAY),
        ("temporary-mark", put(JPEG, frame, b"\xff\x01"), STRAY),
        ("segment-that-is-too-short", put(JPEG, 2, segment(0xE5, b"1234") + b"56789"), STRAY),
        ("segment-that-nobody-knows", put(JPEG, 2, segment(0xF3, b"1234")), STRAY),
        ("hierarchical-segment", put(JPEG, frame, segment(0xDE, b"1234")), STRAY),
        ("zeros-before-the-scan", put(JPEG, scan, bytes(9)), STRAY),
        ("junk-and-no-end", put(JPEG[:-2], frame, b"junk"), STRAY, END),
        ("comment-behind-and-no-end", JPEG[:-2] + segment(0xFE, b"hello"), END),
        ("cut-off-comment", JPEG[:-2] + segment(0xFE, b"hello world")[:-4], TAIL, END),
        ("padding-behind", JPEG + bytes(500), BLANK),
        ("newline-behind", JPEG + b"\r\n", BLANK),
    ):
        yield Broken(f"jpeg-{name}", data, JPEG, tuple(steps))


def pngs() -> Iterator[Broken]:
    for name, data, *steps in (
        ("no-end", PNG[:-12], END),
        ("half-an-end", PNG[:-5], END),
        ("end-without-its-checksum", PNG[:-4], END),
        ("zeros-for-the-end", PNG[:-12] + bytes(64), END),
        ("newline-for-the-end", PNG[:-12] + b"\n", END),
        ("end-with-content", PNG[:-12] + chunk(b"IEND", b"content"), END),
        ("zeros-before-the-end", PNG[:-12] + bytes(7) + PNG[-12:], END),
        ("pixels-without-their-checksum", PNG[:-16], END),
        ("pixels-without-either-checksum", PNG[:-20], END),
        ("half-a-checksum", PNG[:-14], END),
        ("text-behind-and-no-end", PNG[:-12] + chunk(b"tEXt", b"a\0b"), END),
        ("cut-off-text", PNG[:-12] + chunk(b"tEXt", b"a\0bcccccccc")[:-8], END, TAIL),
        ("damaged-text", put(PNG, 33, chunk(b"tEXt", b"a\0b", checksum=0)), DAMAGED),
        ("damaged-gamma", put(PNG, 33, chunk(b"gAMA", b"\0\0\xb1\x8f", checksum=0)), DAMAGED),
        ("damaged-profile-and-no-end", put(PNG[:-12], 33, chunk(b"iCCP", b"name\0\0", checksum=0)), DAMAGED, END),
        ("padding-behind", PNG + bytes(100), BLANK),
    ):
        yield Broken(f"png-{name}", data, PNG, tuple(steps))
    yield Broken("png-animated-no-end", APNG[:-12], APNG, (END,))
    yield Broken("png-animated-zeros-for-the-end", APNG[:-12] + bytes(30), APNG, (END,))
    interlaced = struct.pack(">IIBBBBB", 3, 3, 8, 0, 0, 0, 1)
    rows = zlib.compress(b"\0\x10\0\x30\0\x50\x60\0\x70\0\x90\0\xa0\xb0\xc0")
    small = PNG[:8] + chunk(b"IHDR", interlaced) + chunk(b"IDAT", rows)
    yield Broken("png-interlaced-no-end", small, small + chunk(b"IEND"), (END,))


def webps() -> Iterator[Broken]:
    header, pixels, *metadata = inside(WEBP)
    odd = pixels[1] + b"x" * (1 - len(pixels[1]) % 2)
    plain = riff(part(b"VP8 ", odd))
    whole = riff(part(b"VP8 ", pixels[1]))
    extended = [part(*each) for each in (header, pixels, *metadata)]
    canvas = {"larger": b"\x63\0\0\x63\0\0", "smaller": b"\x09\0\0\x09\0\0", "of-one-pixel": bytes(6)}
    for name, data, shown, *steps in (
        ("counted-padding-missing", plain[:-1], plain, PADDING),
        ("padding-missing", riff(part(b"VP8 ", odd, padded=False)), plain, PADDING),
        ("padding-not-counted", riff(part(b"VP8 ", odd), length=len(odd) + 12), plain, LENGTH),
        ("padding-missing-inside", riff(extended[0], part(b"VP8 ", odd, padded=False), *extended[2:]), WEBP, PADDING),
        ("length-much-too-large", riff(part(*pixels), length=10**6), whole, LENGTH),
        ("length-0", riff(part(*pixels), length=0), whole, LENGTH),
        ("length-largest", riff(part(*pixels), length=2**32 - 1), whole, LENGTH),
        ("length-without-its-name", riff(part(*pixels), length=len(part(*pixels))), whole, LENGTH),
        ("length-of-the-file", riff(part(*pixels), length=len(part(*pixels)) + 12), whole, LENGTH),
        ("cut-off-xmp", WEBP[:-5], riff(*extended[:-1]), TAIL, LENGTH),
        ("missing-xmp", WEBP[: -len(extended[-1])], riff(*extended[:-1]), LENGTH),
        ("animated-flag-without-frames", put(WEBP, 20, bytes((WEBP[20] | 2,)), 1), WEBP, MARKS),
        ("unknown-flags", put(WEBP, 20, bytes((WEBP[20] | 0xC1,)), 1), WEBP, MARKS),
        ("frames-without-the-flag", put(MOVING_WEBP, 20, bytes((MOVING_WEBP[20] & ~2,)), 1), MOVING_WEBP, MARKS),
        ("padding-behind", WEBP + bytes(50), WEBP, BLANK),
    ):
        yield Broken(f"webp-{name}", data, shown, tuple(steps))
    for name, size in canvas.items():
        yield Broken(f"webp-canvas-{name}", put(WEBP, 24, size, 6), WEBP, (SIZE,))


BROKEN = (*gifs(), *jpegs(), *pngs(), *webps())


def cut() -> Iterator[tuple[str, bytes]]:
    """Pixels are missing; the walk can say so without decoding."""
    scan = starts(PROGRESSIVE, b"\xda")[-1]
    frame = starts(GIF, b"!\xf9")[2]
    yield from (
        ("gif-in-the-first-frame", STILL_GIF[:-20]),
        ("gif-in-the-last-frame", GIF[:-20]),
        ("gif-in-the-last-frame-and-zeros", GIF[:-100] + bytes(100)),
        ("gif-in-the-last-frame-and-a-trailer", GIF[:-60] + b";"),
        ("gif-behind-a-control", GIF[: frame + 8]),
        ("gif-in-a-control", GIF[: frame + 4]),
        ("gif-before-the-first-frame", GIF[: starts(GIF, b",")[0]]),
        ("gif-in-the-colours", GIF[:100]),
        ("jpeg-before-the-scan", JPEG[: starts(JPEG, b"\xda")[0]]),
        ("jpeg-in-the-tables", JPEG[:200]),
        ("jpeg-in-an-early-scan", PROGRESSIVE[: starts(PROGRESSIVE, b"\xda")[1] + 20]),
        ("jpeg-before-the-last-scan", PROGRESSIVE[:scan]),
        ("jpeg-before-the-last-scan-and-zeros", PROGRESSIVE[:scan] + bytes(100)),
        ("png-in-the-pixels", PNG[:-60]),
        ("png-in-the-pixels-and-zeros", PNG[:-60] + bytes(60)),
        ("png-before-the-pixels", PNG[:33]),
        ("png-animated-in-the-last-frame", APNG[:-60]),
        ("png-animated-before-the-last-frame", APNG[: starts(APNG, b"fcTL")[-1]]),
        ("png-animated-behind-a-control", APNG[: starts(APNG, b"fdAT")[-1]]),
        ("webp-in-the-pixels", riff(part(*inside(WEBP)[1]))[:-30]),
        ("webp-by-one-byte", riff(part(*inside(WEBP)[1]))[:-2]),
        ("webp-animated-in-the-last-frame", MOVING_WEBP[:-30]),
        ("webp-animated-before-the-last-frame", MOVING_WEBP[: starts(MOVING_WEBP, b"ANMF")[-1]]),
    )


CUT = dict(cut())
CUT_IN_THE_SCAN = {
    f"jpeg-{kind}-{name}": data
    for kind, whole in (("baseline", JPEG), ("progressive", PROGRESSIVE), ("restarts", RESTARTS))
    for name, data in (
        ("by-a-byte", whole[:-3]),
        ("by-a-byte-and-zeros", whole[:-3] + bytes(100)),
        ("by-twenty", whole[:-22]),
        ("at-a-restart-mark", RESTARTS[: RESTARTS.rindex(b"\xff\xd0")]),
        ("behind-a-restart-mark", RESTARTS[: RESTARTS.rindex(b"\xff\xd0") + 2]),
    )
}
"""Only a decoder can say so."""
