"""From bytes to upright pixels of 8 bits, with their profile and transparency. An image is refused if part of its look
cannot be kept; nothing of it is silently dropped.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from typing import cast

from PIL import Image, ImageChops, ImageCms, ImageFile, TiffImagePlugin
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile, get_sampling
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from img402_mcp.client.fit.convertible import NAMES, decoder_of, facts_of
from img402_mcp.client.fit.messages import MAX_PIXELS, Unfit

PARSER_OF_EXIF = TiffImagePlugin
"""Otherwise Pillow imports it in the middle of its work, when files can no longer be opened."""

# The classes themselves: Image.open would try other formats after the first, and take a JPEG of several pictures
# (MPF) for an animation.
DECODERS: dict[str, type[ImageFile.ImageFile]] = {
    "PNG": PngImageFile,
    "JPEG": JpegImageFile,
    "GIF": GifImageFile,
    "WebP": WebPImageFile,
}


@dataclass(frozen=True)
class Source:
    """`image` is upright, L, RGB or RGBA, and carries no metadata. `profile` is an ICC profile of its RGB."""

    image: Image.Image
    profile: bytes | None
    was_photo: bool
    subsampling: int = 0  # of the JPEG it was, in Pillow's numbers; 0: none
    depth: int = 8
    pages: int = 1
    was_converted: bool = False
    had_metadata: bool = False
    most_quality: int = 100
    """Of a lossy encoding."""


def opened(name: str, data: bytes) -> ImageFile.ImageFile:
    file = (DECODERS.get(name) or decoder_of(name))(BytesIO(data))
    if file.width * file.height > MAX_PIXELS:
        raise Unfit("pixels")
    return file


def is_animated(file: ImageFile.ImageFile) -> bool:
    return bool(getattr(file, "is_animated", False))


def decoded(name: str, file: ImageFile.ImageFile, data: bytes) -> Source:
    source = _converted_from(name, file, data) if name in NAMES else _of_taken(file, data)
    is_opaque = source.image.mode == "RGBA" and source.image.getchannel("A").getextrema() == (255, 255)
    return replace(source, image=source.image.convert("RGB")) if is_opaque else source


CONVERTED_QUALITY = 92
"""For images that were lossy before: a higher quality would only preserve their artefacts."""


def _converted_from(name: str, file: ImageFile.ImageFile, data: bytes) -> Source:
    facts = facts_of(name, file, data)
    file.load()
    metadata = facts.had_metadata or has_metadata(file)
    upright = _upright(file)
    upright = ImageChops.invert(upright) if facts.is_negative else upright
    quality = CONVERTED_QUALITY if facts.is_lossy else 100
    return _in_rgb(
        Source(
            upright, facts.profile, facts.is_lossy, 2 if facts.is_lossy else 0, facts.depth, facts.pages,
            had_metadata=metadata, most_quality=quality,
        )
    )  # fmt: skip


def _of_taken(file: ImageFile.ImageFile, data: bytes) -> Source:
    if isinstance(file, PngImageFile):
        demand_known_colours(file, data)
    file.load()
    metadata, profile = has_metadata(file), file.info.get("icc_profile")
    depth = 16 if isinstance(file, PngImageFile) and data[24] == 16 else 8
    lossy_webp = isinstance(file, WebPImageFile) and b"VP8L" not in data[:4096]
    photo = isinstance(file, JpegImageFile) or lossy_webp
    sampling = 2 if lossy_webp or (isinstance(file, JpegImageFile) and get_sampling(file) != 0) else 0
    return _in_rgb(Source(_upright(file), profile, photo, sampling, depth, had_metadata=metadata))


def _upright(file: ImageFile.ImageFile) -> Image.Image:
    turn = _TURNS.get(_exif(file).get(_ORIENTATION, 1))  # by EXIF alone: Pillow would also follow XMP, unlike browsers
    return _plain(file.transpose(turn) if turn is not None else file)


def demand_known_colours(file: ImageFile.ImageFile, data: bytes) -> None:
    chunks = dict(_chunks(data))
    if chunks.get(b"cICP", _SRGB_CICP) != _SRGB_CICP or (b"iCCP" in chunks and not file.info.get("icc_profile")):
        raise Unfit("colours")
    if b"iCCP" not in chunks and b"sRGB" not in chunks and b"cICP" not in chunks and not _is_nearly_srgb(chunks):
        raise Unfit("colours")


_SRGB_CICP = bytes((1, 13, 0, 1))
_SRGB_GAMMA = 45455
_SRGB_PRIMARIES = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)


def _is_nearly_srgb(chunks: dict[bytes, bytes]) -> bool:
    gamma: int = struct.unpack(">I", chunks.get(b"gAMA", struct.pack(">I", _SRGB_GAMMA)))[0]
    primaries: tuple[int, ...] = struct.unpack(">8I", chunks.get(b"cHRM", struct.pack(">8I", *_SRGB_PRIMARIES)))
    distance = max(abs(is_ - should) for is_, should in zip(primaries, _SRGB_PRIMARIES, strict=True))
    return abs(gamma - _SRGB_GAMMA) < 500 and distance < 500


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """A PNG's chunks before its pixels."""
    position = 8
    while (kind := data[position + 4 : position + 8]) not in (b"IDAT", b"IEND", b""):
        length = int.from_bytes(data[position : position + 4], "big")
        yield kind, data[position + 8 : position + 8 + length]
        position += 12 + length


def _in_rgb(source: Source) -> Source:
    """CMYK and grey profiles are applied here, once; an RGB profile stays with the pixels."""
    space = (source.profile or b"")[16:20]
    if source.image.mode == "CMYK" and space != b"CMYK":
        raise Unfit("profile")
    if space in (b"", b"RGB "):
        return source
    return replace(source, image=_converted(source), profile=None, was_converted=True)


def _converted(source: Source) -> Image.Image:
    plain = source.image.convert("RGB") if source.image.mode == "RGBA" else source.image
    plain = plain.convert("L") if (source.profile or b"")[16:20] == b"GRAY" else plain
    try:
        profile = ImageCms.ImageCmsProfile(BytesIO(source.profile or b""))
        image = ImageCms.profileToProfile(plain, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        raise Unfit("profile" if source.image.mode == "CMYK" else "colours") from None
    converted = cast("Image.Image", image)  # None only where it works in place
    if source.image.mode == "RGBA":
        converted.putalpha(source.image.getchannel("A"))
    return converted


def _plain(image: Image.Image) -> Image.Image:
    """L, RGB, RGBA or CMYK of 8 bits, with an empty `info`, since encoders take comments from there."""
    image = _shallow(image)
    if image.mode not in ("L", "RGB", "CMYK") or image.has_transparency_data:
        image = image.convert("RGBA" if image.has_transparency_data else _WIDER.get(image.mode, "RGB"))
    image.info = {}
    return image


_WIDER = {"1": "L"}


def _shallow(image: Image.Image) -> Image.Image:
    """Pillow reduces 16-bit colours to 8 bits as it reads them, but not 16-bit grey."""
    if not image.mode.startswith("I"):
        return image
    deep = image if image.mode.startswith("I;16") else image.convert("I;16")
    high = 0 if deep.mode == "I;16B" else 1
    return Image.frombytes("L", deep.size, deep.tobytes()[high::2])


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_ORIENTATION = 0x0112


def _exif(file: ImageFile.ImageFile) -> Image.Exif:
    exif = Image.Exif()
    if raw := file.info.get("exif"):
        exif.load(raw)
    return exif


def has_metadata(file: ImageFile.ImageFile) -> bool:
    """Apart from the orientation, which is applied. The result has no metadata."""
    metadata = [file.info.get(name) for name in _METADATA]
    return any([*metadata, getattr(file, "text", None), {*_exif(file)} - {_ORIENTATION}])


_METADATA = ("xmp", "XML:com.adobe.xmp", "comment", "photoshop")
