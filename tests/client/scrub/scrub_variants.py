"""Images as programs and phones write them, with data that should not be published, and what must be left of each.

Everything that must be removed contains SECRET. Run by path, since tests are not a package.
"""

import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import pairwise
from typing import Any

from PIL import Image, ImageCms, ImageDraw

from img402_mcp.formats import examine
from img402_mcp.formats.base import Piece
from img402_mcp.formats.walk import pieces

SECRET = b"SECRET"
XMP_PACKET = (
    b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>"
    b"<rdf:Description rdf:about='' xmlns:xmp='http://ns.adobe.com/xap/1.0/' xmp:CreatorTool='SECRET'/>"
    b"</rdf:RDF></x:xmpmeta>"
)
ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
DISPLAY_P3 = {
    b"rXYZ": (0.51512, 0.24120, -0.00105),
    b"gXYZ": (0.29198, 0.69225, 0.04189),
    b"bXYZ": (0.15710, 0.06657, 0.78407),
}


def with_primaries(profile: bytes, primaries: dict[bytes, tuple[float, float, float]]) -> bytes:
    changed = bytearray(profile)
    (count,) = struct.unpack_from(">I", profile, 128)
    for name, offset, _ in struct.iter_unpack(">4sII", profile[132 : 132 + 12 * count]):
        if name in primaries:
            struct.pack_into(">3i", changed, offset + 8, *(round(value * 65536) for value in primaries[name]))
    return bytes(changed)


WIDE = with_primaries(ICC, DISPLAY_P3)


@dataclass(frozen=True)
class Variant:
    name: str
    data: bytes
    clean: bytes
    removed: tuple[str, ...]


# Pictures


def drawn(mode: str = "RGB", shift: int = 0) -> Image.Image:
    image = Image.linear_gradient("L").resize((48, 32)).convert("RGB")
    pen = ImageDraw.Draw(image)
    pen.rectangle((4 + shift, 4, 20 + shift, 20), fill=(200, 40, 90))
    pen.ellipse((24, 8 + shift % 8, 44, 28), fill=(20, 160, 60))
    if mode == "I;16":
        return image.convert("I").point(lambda value: value * 200).convert("I;16")
    if "A" in mode:
        image.putalpha(Image.radial_gradient("L").resize((48, 32)))
    return image.quantize(16) if mode == "P" else image.convert(mode)


def encoded(kind: str, mode: str = "RGB", **options: Any) -> bytes:
    file = BytesIO()
    drawn(mode).save(file, kind, **options)
    return file.getvalue()


def animated(kind: str, mode: str = "RGB", **options: Any) -> bytes:
    frames = [drawn(mode, shift) for shift in range(3)]
    file = BytesIO()
    durations = [100, 200, 300]
    frames[0].save(file, kind, save_all=True, append_images=frames[1:], duration=durations, loop=2, **options)
    return file.getvalue()


def parts(data: bytes) -> list[Piece]:
    picture = examine(data)
    return [*pieces(data, picture.format, {})]


def inserted(data: bytes, kind: bytes, added: bytes, nth: int = 0) -> bytes:
    """Inserts `added` before the nth piece of a kind."""
    start = [piece.start for piece in parts(data) if piece.kind == kind][nth]
    return data[:start] + added + data[start:]


# EXIF

Entry = tuple[int, int, bytes]  # tag, type, value
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1}
ALL_KINDS = ("GPS position", "time stamp", "camera model", "maker note", "serial number", "thumbnail")


def directory(order: str, at: int, entries: Sequence[Entry], following: int = 0) -> bytes:
    rows, values = b"", b""
    behind = at + 2 + 12 * len(entries) + 4
    for tag, kind, value in entries:
        place = value.ljust(4, b"\0") if len(value) <= 4 else struct.pack(order + "I", behind + len(values))
        values += value if len(value) > 4 else b""
        rows += struct.pack(order + "HHI", tag, kind, len(value) // SIZES[kind]) + place
    return struct.pack(order + "H", len(entries)) + rows + struct.pack(order + "I", following) + values


def tiff(order: str = "<", orientation: int = 1) -> bytes:
    """A phone's EXIF: camera, time, maker note, serial number, position, thumbnail."""
    position = [(1, 2, b"N\0"), (2, 5, struct.pack(order + "6I", 52, 1, 31, 1, 12, 1)), (29, 2, b"2026:01:02\0")]
    details = [(0x9003, 2, b"2026:01:02 03:04:05\0"), (0x927C, 7, SECRET * 50), (0xA431, 2, SECRET + b"\0")]

    def main(*offsets: int) -> list[Entry]:
        directories = zip((0x8769, 0x8825), (struct.pack(order + "I", offset) for offset in offsets), strict=True)
        turn = (0x0112, 3, struct.pack(order + "H", orientation))
        return [(0x0110, 2, SECRET + b"\0"), turn, *((tag, 4, value) for tag, value in directories)]

    first = 8 + len(directory(order, 8, main(0, 0)))
    second = first + len(directory(order, first, details))
    third = second + len(directory(order, second, position))
    thumbnail = [(0x0201, 4, struct.pack(order + "I", third + 100)), (0x0202, 4, struct.pack(order + "I", 6))]
    mark = b"II" if order == "<" else b"MM"
    return b"".join(
        (
            mark + struct.pack(order + "HI", 42, 8),
            directory(order, 8, main(first, second), third),
            directory(order, first, details),
            directory(order, second, position),
            directory(order, third, thumbnail).ljust(100, b"\0"),
            SECRET,
        )
    )


def turning(order: str, orientation: int) -> bytes:
    """The smallest EXIF that rotates a picture."""
    if order == "<":
        return b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0" + bytes((orientation,)) + b"\0" * 7
    return b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0" + bytes((orientation,)) + b"\0" * 6


BOGUS = {
    "empty": b"",
    "no-tiff": b"nonsense" + SECRET,
    "endless": b"II*\0\x08\0\0\0\xff\xff" + SECRET * 9,
    "beyond": b"MM\0*\xff\xff\xff\xff" + SECRET,
    "circular": b"II*\0\x08\0\0\0\x01\0\x69\x87\x04\0\x01\0\0\0\x08\0\0\0\0\0\0\0" + SECRET,
    "orientation-9": turning("<", 9) + SECRET,
    "orientation-0": turning(">", 0) + SECRET,
}


# JPEG


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def exif_segment(content: bytes) -> bytes:
    return segment(0xE1, b"Exif\0\0" + content)


JFIF = segment(0xE0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0")
XMP = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP_PACKET)
XMP_EXTENSION = segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + b"0" * 32 + b"\0" * 8 + SECRET)
IPTC = segment(0xED, b"Photoshop 3.0\08BIM\x04\x04\0\0\0\0\0\x0b\x1c\x02\x78\0\x06" + SECRET + b"\0")
COMMENT = segment(0xFE, SECRET)
MPF = segment(0xE2, b"MPF\0MM\0*\0\0\0\x08" + SECRET)


def icc_segments(count: int) -> bytes:
    step = -(-len(ICC) // count)
    return segments_of(ICC, step)


def segments_of(profile: bytes, step: int) -> bytes:
    cut = [profile[start : start + step] for start in range(0, len(profile), step)] or [b""]
    return b"".join(
        segment(0xE2, b"ICC_PROFILE\0" + bytes((number, len(cut))) + each) for number, each in enumerate(cut, 1)
    )


def jpegs() -> Iterator[Variant]:
    plain = encoded("JPEG")
    kinds = {
        "baseline": plain,
        "progressive": encoded("JPEG", progressive=True),
        "gray": encoded("JPEG", "L"),
        "cmyk": encoded("JPEG", "CMYK"),
        "restart-markers": encoded("JPEG", restart_marker_blocks=1),
        "progressive-cmyk-restart": encoded("JPEG", "CMYK", progressive=True, restart_marker_rows=1),
        "optimized-444": encoded("JPEG", optimize=True, subsampling=0, quality=95),
    }
    for name, data in kinds.items():
        turned = data[:2] + exif_segment(turning("<", 6)) + data[2:]
        dressed = data[:2] + exif_segment(tiff("<", 6)) + XMP + XMP_EXTENSION + IPTC + COMMENT + data[2:]
        yield Variant(f"jpeg-{name}", dressed, turned, (*ALL_KINDS, "XMP", "IPTC", "comment"))
    yield from (
        Variant(f"jpeg-orientation-{number}", *turned_jpeg(plain, "<>"[number % 2], number), ALL_KINDS)
        for number in range(1, 9)
    )
    yield from (
        Variant(f"jpeg-bogus-exif-{name}", plain[:2] + exif_segment(content) + plain[2:], plain, ("EXIF",))
        for name, content in BOGUS.items()
    )
    yield from other_jpegs(plain)


def turned_jpeg(plain: bytes, order: str, orientation: int) -> tuple[bytes, bytes]:
    least = exif_segment(turning(order, orientation)) if orientation > 1 else b""
    return plain[:2] + exif_segment(tiff(order, orientation)) + plain[2:], plain[:2] + least + plain[2:]


def other_jpegs(plain: bytes) -> Iterator[Variant]:
    def dressed(added: bytes, *removed: str, name: str, clean: bytes = plain) -> Variant:
        return Variant(f"jpeg-{name}", clean[:2] + added + clean[2:], clean, removed)

    progressive = encoded("JPEG", progressive=True)
    profiled = plain[:20] + icc_segments(3) + plain[20:]
    between = inserted(inserted(progressive, b"\xda", COMMENT, 3), b"\xda", segment(0xE5, SECRET), 1)
    large = struct.pack(">BB", 2, 1) + SECRET
    with_thumbnail = segment(0xE0, b"JFIF\0\x01\x01\0\0\x01\0\x01" + large)
    cmyk = encoded("JPEG", "CMYK")
    adobe = next(cmyk[piece.start : piece.end] for piece in parts(cmyk) if piece.kind == b"\xee")
    several = encoded("MPO", save_all=True, append_images=[drawn(shift=5)])
    index = next(several[piece.start : piece.end] for piece in parts(several) if piece.kind == b"\xe2")
    first = several[: examine(several).end].replace(index, b"")
    behind = len(several) - len(first) - len(index)
    cut_off = f"{behind:,} bytes after the image's end"
    yield Variant("jpeg-mpf", several, first, ("index of further pictures", cut_off))
    yield dressed(MPF, "index of further pictures", name="mpf-bogus")
    yield Variant("jpeg-icc-in-pieces", inserted(profiled, b"\xdb", COMMENT), profiled, ("comment",))
    yield Variant("jpeg-between-scans", between, progressive, ("application data", "comment"))
    yield Variant("jpeg-jfif-thumbnail", plain.replace(JFIF, with_thumbnail), plain, ("thumbnail",))
    yield Variant(
        "jpeg-adobe-surplus", cmyk.replace(adobe, segment(0xEE, adobe[4:] + SECRET)), cmyk, ("application data",)
    )
    yield dressed(segment(0xE0, b"JFXX\0\x10" + SECRET), "thumbnail", name="jfxx")
    yield dressed(segment(0xEB, b"JP\0\0" + SECRET), "content credentials", name="c2pa")
    yield dressed(segment(0xED, b"Adobe_CM" + SECRET), "application data", name="adobe-cm")
    yield dressed(segment(0xE2, b"FPXR\0" + SECRET), "application data", name="flashpix")
    yield dressed(segment(0xDC, b"\0\x20"), "unknown segment", name="number-of-lines")
    yield dressed(segment(0xEE, b"Adobe" + SECRET), "application data", name="adobe-too-short")
    yield dressed(segment(0xE0, b"JFIF\0" + SECRET), "application data", name="jfif-too-short")
    turns = exif_segment(tiff("<", 3))
    first = plain[:2] + exif_segment(turning("<", 6)) + plain[2:]
    yield Variant("jpeg-turned-twice", inserted(first, b"\xdb", turns), first, ("EXIF",))
    yield dressed(b"\xff\xd0\xff\xd3", "unknown segment", name="stray-restarts")
    yield dressed(b"\xff" * 9, "padding", name="fill")
    yield dressed(exif_segment(tiff()) * 2, *ALL_KINDS, "EXIF", name="exif-twice")
    yield from jpegs_with_tables(plain, progressive, dressed)
    yield dressed(segment(0xFE, b"PK\x03\x04<html><script>" + SECRET), "comment", name="polyglot-in-a-comment")


def jpegs_with_tables(plain: bytes, progressive: bytes, dressed: Callable[..., Variant]) -> Iterator[Variant]:
    """Tables that are never used, or redefined before they are."""
    unused = ("unused tables",)
    text = SECRET * 11
    quantization, coarse = text[:64], b"\x01" + text[:64]
    (tables, *_) = (plain[piece.start : piece.end] for piece in parts(plain) if piece.kind == b"\xdb")
    again = segment(0xDB, b"\0" + quantization) * 9
    codes = bytes((0, 2, 3, *[0] * 13))
    yield dressed(segment(0xDB, b"\x03" + quantization), *unused, name="quantization-for-nothing")
    yield dressed(segment(0xDB, b"\x13" + quantization * 2), *unused, name="deep-quantization-for-nothing")
    yield dressed(again, *unused, name="quantization-defined-again")
    both = plain.replace(tables, segment(0xDB, tables[4:] + b"\x02" + quantization))
    yield Variant("jpeg-quantization-beside-a-used-one", both, plain, unused)
    yield dressed(segment(0xC4, b"\x03" + codes + text[:5]), *unused, name="huffman-for-nothing")
    yield dressed(segment(0xC4, b"\x00" + codes + text[:5]), *unused, name="huffman-defined-again")
    yield dressed(segment(0xC4, b"\x13" + codes + text[:5]) * 4, *unused, name="huffman-four-times")
    late = inserted(progressive, b"\xda", segment(0xDB, coarse), 5)
    yield Variant("jpeg-quantization-behind-its-use", late, progressive, unused)
    behind = inserted(progressive, b"\xd9", segment(0xC4, b"\x00" + codes + text[:5]))
    yield Variant("jpeg-huffman-behind-the-scans", behind, progressive, unused)
    yield dressed(segment(0xCC, b"\0\x10\x01\x20"), *unused, name="arithmetic-conditions-without-a-use")
    restarts = encoded("JPEG", restart_marker_blocks=1)
    first = inserted(restarts, b"\xdb", segment(0xDD, SECRET[:2]) * 5)
    yield Variant("jpeg-intervals-defined-again", first, restarts, unused)
    more = JFIF[:9] + b"\x02" + JFIF[10:]
    yield dressed(more * 3, "application data", name="jfif-again")
    cmyk = encoded("JPEG", "CMYK")
    adobe = next(piece for piece in parts(cmyk) if piece.kind == b"\xee")
    other = segment(0xEE, b"Adobe" + SECRET + b"\0")
    yield Variant("jpeg-adobe-again", inserted(cmyk, b"\xee", other), cmyk, ("application data",))
    assert adobe.end - adobe.start == len(other)


# PNG


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


PNG_EXTRAS = (
    (b"tEXt", b"Author\0" + SECRET, "text"),
    (b"zTXt", b"Comment\0\0" + zlib.compress(b"") + SECRET, "text"),
    (b"iTXt", b"Title\0\0\0\0\0" + SECRET, "text"),
    (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP_PACKET, "XMP"),
    (b"zTXt", b"Raw profile type iptc\0\0" + zlib.compress(b"") + SECRET, "IPTC"),
    (b"tIME", struct.pack(">H5B", 2026, 1, 2, 3, 4, 5), "time stamp"),
    (b"caBX", SECRET, "content credentials"),
    (b"prVt", SECRET, "unknown chunk"),
    (b"sPLT", SECRET + b"\0\x08", "suggested palette"),
    (b"pHYs", struct.pack(">IIB", 1, 1, 1) + SECRET, "chunk that decoders skip"),
    (b"fdAT", b"\0\0\0\0" + SECRET, "frames that are never shown"),
)


def pngs() -> Iterator[Variant]:
    kinds = {
        "rgb": encoded("PNG"),
        "rgba-icc-density": encoded("PNG", "RGBA", icc_profile=ICC, dpi=(144, 144)),
        "gray": encoded("PNG", "L"),
        "16-bit": encoded("PNG", "I;16"),
        "bilevel": encoded("PNG", "1"),
        "palette": encoded("PNG", "P"),
        "palette-transparent": encoded("PNG", "P", transparency=b"\0\x40\x80\xff"),
        "animated": animated("PNG"),
        "animated-rgba-with-a-cover": animated("PNG", "RGBA", default_image=True),
    }
    extras = [extra for extra in PNG_EXTRAS if extra[0] != b"fdAT"]
    for name, data in kinds.items():
        dressed = inserted(data, b"IDAT", b"".join(chunk(kind, content) for kind, content, _ in extras[:-1]))
        removed = tuple(dict.fromkeys(word for _, _, word in extras[:-1]))
        yield Variant(f"png-{name}", inserted(dressed, b"IEND", chunk(b"tEXt", SECRET)), data, removed)
    plain = kinds["rgb"]
    for number, (kind, content, word) in enumerate(PNG_EXTRAS):
        dressed = inserted(plain, b"IDAT", chunk(kind, content))
        yield Variant(f"png-{kind.decode()}-{number}", dressed, plain, (word,))
    for number in range(1, 9):
        least = chunk(b"eXIf", turning("<", number)) if number > 1 else b""
        dressed = inserted(plain, b"IDAT", chunk(b"eXIf", tiff("<", number)))
        yield Variant(f"png-orientation-{number}", dressed, inserted(plain, b"IDAT", least), ALL_KINDS)
    yield from other_pngs(plain, kinds["animated"])


def other_pngs(plain: bytes, moving: bytes) -> Iterator[Variant]:
    hidden = [piece for piece in parts(moving) if piece.kind in (b"fcTL", b"fdAT")][-2:]
    frame = b"".join(moving[piece.start : piece.end] for piece in hidden)
    never = ("frames that are never shown",)
    yield Variant("png-frame-too-many", inserted(moving, b"IEND", frame), moving, never)
    late = chunk(b"acTL", struct.pack(">II", 2, 0)) + frame
    yield Variant("png-animated-too-late", inserted(plain, b"IEND", late), plain, never)
    again = inserted(inserted(plain, b"IEND", chunk(b"tEXt", SECRET)), b"IEND", chunk(b"IDAT", SECRET))
    yield Variant("png-pixels-twice", again, plain, ("text", "data after the pixels"))
    bomb = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(3_000_000)))
    yield Variant("png-bomb", inserted(plain, b"IDAT", bomb), plain, ("text",))
    prefixed, least = (chunk(b"eXIf", each) for each in (b"Exif\0\0" + tiff("<", 6), turning("<", 6)))
    turned = inserted(plain, b"IDAT", least)
    yield Variant("png-exif-with-a-jpegs-prefix", inserted(plain, b"IDAT", prefixed), turned, ALL_KINDS)
    dense = encoded("PNG", dpi=(144, 144))
    density = chunk(b"pHYs", struct.pack(">IIB", 1, 1, 1))
    paletted = encoded("PNG", "P")
    colours = next(piece for piece in parts(paletted) if piece.kind == b"PLTE")
    kept = paletted[colours.start + 8 : colours.end - 4]
    padded = kept.ljust(48, b"\0")
    full = paletted.replace(paletted[colours.start : colours.end], chunk(b"PLTE", padded))
    surplus = paletted.replace(paletted[colours.start : colours.end], chunk(b"PLTE", padded + SECRET * 4))
    yield Variant("png-colours-that-no-pixel-can-name", surplus, full, ("unused colours",))
    suggested = chunk(b"PLTE", SECRET * 100)
    yield Variant("png-suggested-palette", inserted(plain, b"IDAT", suggested), plain, ("suggested palette",))
    rgba = encoded("PNG", "RGBA")
    yield Variant(
        "png-transparency-beside-alpha",
        inserted(rgba, b"IDAT", chunk(b"tRNS", SECRET)),
        rgba,
        ("chunk that decoders skip",),
    )
    keyed = inserted(plain, b"IDAT", chunk(b"tRNS", bytes(6)))
    yield Variant("png-transparent-colour", keyed, keyed, ())
    yield Variant("png-density-twice", inserted(dense, b"IDAT", density), dense, ("chunk that decoders skip",))


# WebP


def part(kind: bytes, content: bytes) -> bytes:
    return struct.pack("<4sI", kind, len(content)) + content + b"\0" * (len(content) % 2)


def riff(*inside: bytes) -> bytes:
    body = b"WEBP" + b"".join(inside)
    return part(b"RIFF", body)


def inside_of(data: bytes) -> dict[bytes, bytes]:
    return {piece.kind: data[piece.start : piece.end] for piece in parts(data)}


def announced(flags: int, *inside: bytes) -> bytes:
    return riff(part(b"VP8X", struct.pack("<I", flags) + b"\x2f\0\0\x1f\0\0"), *inside)


def webps() -> Iterator[Variant]:
    xmp, odd = part(b"XMP ", XMP_PACKET), part(b"abcd", SECRET + b"!")
    for name, mode, options in (
        ("lossy", "RGB", {}),
        ("lossless", "RGB", {"lossless": True}),
        ("alpha", "RGBA", {}),
        ("lossless-alpha", "RGBA", {"lossless": True, "exact": True}),
        ("icc", "RGB", {"icc_profile": ICC}),
    ):
        found = inside_of(encoded("WEBP", mode, **options))
        flags = (0x20 if b"ICCP" in found else 0) | (0x10 if "A" in mode else 0)
        pixels = [content for kind, content in found.items() if kind != b"VP8X"]
        for number in (1, 8):
            least = part(b"EXIF", turning(">", number)) if number > 1 else b""
            clean = announced(flags | (8 if least else 0), *pixels, least)
            dressed = announced(flags | 12, odd, *pixels, part(b"EXIF", tiff(">", number)), xmp)
            yield Variant(f"webp-{name}-orientation-{number}", dressed, clean, ("unknown chunk", *ALL_KINDS, "XMP"))
    yield from other_webps(odd)


def other_webps(odd: bytes) -> Iterator[Variant]:
    plain = encoded("WEBP")
    (pixels,) = inside_of(plain).values()
    exif = part(b"EXIF", tiff("<", 6))
    prefixed = announced(8, pixels, part(b"EXIF", b"Exif\0\0" + tiff("<", 6)))
    yield Variant(
        "webp-exif-with-a-jpegs-prefix", prefixed, announced(8, pixels, part(b"EXIF", turning("<", 6))), ALL_KINDS
    )
    yield Variant("webp-simple-with-exif", riff(pixels, exif), plain, ALL_KINDS)
    yield Variant("webp-two-pictures", riff(pixels, pixels + b""), plain, ("chunk that decoders skip",))
    skipped = ("chunk that decoders skip",)
    profile = part(b"ICCP", ICC)
    yield Variant("webp-two-profiles", announced(32, profile * 2, pixels), announced(32, profile, pixels), skipped)
    moving = animated("WEBP")
    at = next(piece for piece in parts(moving) if piece.kind == b"ANMF")
    frame = moving[at.start + 8 : at.end]
    dressed = part(b"ANMF", frame + odd)
    in_frame = riff(moving[12 : at.start], dressed, moving[at.end :])
    yield Variant("webp-animated", in_frame, moving, ("unknown chunk",))
    with_alpha = animated("WEBP", "RGBA", lossless=True)
    yield Variant("webp-animated-alpha", riff(with_alpha[12:], odd), with_alpha, ("unknown chunk",))


# GIF


def blocks(*contents: bytes) -> bytes:
    return b"".join(bytes((len(content),)) + content for content in contents) + b"\0"


def gifs() -> Iterator[Variant]:
    comment = b"!\xfe" + blocks(SECRET, b"x" * 255)
    text = b"!\x01" + blocks(b"\0\0\0\0\x30\0\x20\0\x08\x08\x01\x02", SECRET)
    xmp = b"!\xff" + blocks(b"XMP DataXMP", SECRET)
    application = b"!\xff" + blocks(b"SECRET01234", SECRET)
    unknown = b"!\x77" + blocks(SECRET)
    removed = ("comment", "text", "XMP", "application data", "unknown extension")
    profile = b"!\xff" + blocks(b"ICCRGBG1012", *(ICC[start : start + 255] for start in range(0, len(ICC), 255)))
    still, moving = encoded("GIF", "P"), animated("GIF", "P")
    profiled = inserted(still, b",", profile)
    for name, data in (("still", still), ("animated", moving), ("icc", profiled)):
        dressed = inserted(data, b",", comment + text + xmp + application + unknown)
        yield Variant(f"gif-{name}", inserted(dressed, b";", comment), data, removed)
    (loop,) = (moving[piece.start : piece.end] for piece in parts(moving) if piece.kind == b"!\xff")
    longer = moving.replace(loop, loop[:-1] + blocks(b"\x02" + SECRET))
    yield Variant("gif-loop-surplus", longer, moving, ("application data",))


def profile_blocks(profile: bytes) -> bytes:
    return b"!\xff" + blocks(b"ICCRGBG1012", *(profile[start : start + 255] for start in range(0, len(profile), 255)))


def unblocked(data: bytes, piece: Piece) -> bytes:
    found, at = b"", piece.start + 14
    while data[at]:
        found += data[at + 1 : at + 1 + data[at]]
        at += 1 + data[at]
    return found


def profiled(data: bytes, profile: bytes) -> bytes:
    """The picture with a profile, as its format holds it."""
    kind = examine(data).format.name
    if kind == "PNG":
        return inserted(data, b"IDAT", chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(profile)))
    if kind == "JPEG":
        return inserted(data, b"\xdb", segments_of(profile, 60_000))
    if kind == "GIF":
        return inserted(data, b",", profile_blocks(profile))
    return announced(0x20, part(b"ICCP", profile), data[12:])


def profile_of(data: bytes) -> bytes | None:
    if examine(data).format.name == "GIF":  # Pillow does not read it
        return next(
            (unblocked(data, piece) for piece in parts(data) if data.startswith(b"ICCR", piece.start + 3)), None
        )
    with Image.open(BytesIO(data)) as image:
        image.load()
        found = image.info.get("icc_profile")
        assert found is None or isinstance(found, bytes)
        return found


# After the end

TAILS = {
    "zip": b"PK\x03\x04" + SECRET + b"PK\x05\x06" + b"\0" * 18,
    "html": b"<script>" + SECRET + b"</script>",
    "pdf": b"%PDF-1.7\n" + SECRET,
    "motion-photo": b"\0\0\0\x18ftypmp42" + SECRET,
    "second-picture": encoded("JPEG") + SECRET,
}


def tails() -> Iterator[Variant]:
    for kind, data in (
        ("jpeg", encoded("JPEG")),
        ("png", encoded("PNG")),
        ("gif", encoded("GIF", "P")),
        ("webp", encoded("WEBP")),
    ):
        for name, tail in TAILS.items():
            yield Variant(f"{kind}-with-{name}", data + tail, data, (f"{len(tail):,} bytes after the image's end",))


VARIANTS = (*jpegs(), *pngs(), *webps(), *gifs(), *tails())
assert all(first.name != second.name for first, second in pairwise(VARIANTS))
