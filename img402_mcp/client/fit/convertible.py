"""AVIF, BMP, HEIC and TIFF: their decoders, and the facts about each that its pixels do not show. A file is decoded
from its bytes alone: a profile that it only names (BMP) is never looked for.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from img402_mcp.client.fit.boxes import coded_colours
from img402_mcp.client.fit.messages import Unfit

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile


class Facts(NamedTuple):
    is_lossy: bool = False
    depth: int = 8
    pages: int = 1
    profile: bytes | None = None
    had_metadata: bool = False
    is_negative: bool = False
    """Its zero is white, which Pillow does not heed in 16 bits."""


# Each decoder is imported only for a file of its kind, and before the worker gives up its access to files.


def decoder_of(name: str) -> "type[ImageFile]":
    return _DECODERS[name]()


def _avif() -> "type[ImageFile]":
    from PIL import AvifImagePlugin  # noqa: PLC0415

    if not AvifImagePlugin.SUPPORTED:  # as in Pillow's wheel for Windows on ARM
        raise Unfit("avif")
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # each thread needs more memory
    return AvifImagePlugin.AvifImageFile


def _bmp() -> "type[ImageFile]":
    from PIL.BmpImagePlugin import BmpImageFile  # noqa: PLC0415

    return BmpImageFile


def _heic() -> "type[ImageFile]":
    try:
        from pi_heif import HeifImageFile, options  # noqa: PLC0415  # the extra `heic`
    except ImportError:
        raise Unfit("heic") from None
    options.DECODE_THREADS = 1
    options.THUMBNAILS = options.DEPTH_IMAGES = options.AUX_IMAGES = False
    kind: type[ImageFile] = HeifImageFile
    return kind


def _tiff() -> "type[ImageFile]":
    from PIL.TiffImagePlugin import TiffImageFile  # noqa: PLC0415

    return TiffImageFile


_DECODERS: dict[str, Callable[[], "type[ImageFile]"]] = {"AVIF": _avif, "BMP": _bmp, "HEIC": _heic, "TIFF": _tiff}
NAMES = frozenset(_DECODERS)


def facts_of(name: str, file: "ImageFile", data: bytes) -> Facts:
    """Raises Unfit for an image that 8 bits of RGB cannot show correctly."""
    facts = {"AVIF": _coded, "BMP": _of_bmp, "HEIC": _coded, "TIFF": _of_tiff}[name](file, data)
    if _transfer_in(facts.profile or b"") in HDR:
        raise Unfit("hdr")
    return facts


# AVIF and HEIC

HDR = (16, 18)
"""Transfer characteristics of ITU-T H.273: PQ and HLG."""
_LIKE_SRGB = {1, 2, 5, 6}, {1, 2, 6, 13, 14, 15}
"""Primaries and transfer that viewers show as sRGB, or that are not specified."""


def _coded(file: "ImageFile", data: bytes) -> Facts:
    coded, profile = coded_colours(data), file.info.get("icc_profile")
    if coded.transfer in HDR:
        raise Unfit("hdr")
    if not profile and (coded.primaries not in _LIKE_SRGB[0] or coded.transfer not in _LIKE_SRGB[1]):
        raise Unfit("colours")
    told = bool(file.info.get("xmp") or file.info.get("metadata"))
    return Facts(True, coded.depth, getattr(file, "n_frames", 1), profile, told)


def _transfer_in(profile: bytes) -> int:
    """Of a profile's `cicp` tag (ICC.1:2022, 9.2.17), by which an HDR picture is known; 0: it has none."""
    for at in range(132, min(132 + 12 * int.from_bytes(profile[128:132], "big"), len(profile), 2000), 12):
        if profile[at : at + 4] == b"cicp":
            start = int.from_bytes(profile[at + 4 : at + 8], "big")
            return int.from_bytes(profile[start + 9 : start + 10], "big")
    return 0


# BMP

_V5, _EMBEDDED, _LINKED = 124, b"DEBM", b"KNIL"


def _of_bmp(_: "ImageFile", data: bytes) -> Facts:
    if data[28:30] == b"\x40\0":  # 64 bits: linear, and brighter than white
        raise Unfit("hdr")
    if int.from_bytes(data[14:18], "little") < _V5:
        return Facts()
    if data[70:74] == _LINKED:
        raise Unfit("colours")
    start, size = 14 + int.from_bytes(data[126:130], "little"), int.from_bytes(data[130:134], "little")
    embedded = data[70:74] == _EMBEDDED and 0 < size <= len(data) - start
    return Facts(profile=data[start : start + size] if embedded else None)


# TIFF

_SUBFILE, _BITS, _COMPRESSION, _PHOTOMETRIC, _MAKE, _SUB_IFDS, _FORMAT, _DNG = (
    254, 258, 259, 262, 271, 330, 339, 50706,
)  # fmt: skip
_RAW_PHOTOMETRICS, _LUMINANCES = {32803, 34892}, {32844, 32845}
_FLOAT, _JPEG = 3, 7
_TELLING = {270, 271, 272, 305, 306, 315, 316, 700, 33432, 33723, 34377, 34665, 34853}


def _of_tiff(file: "ImageFile", _: bytes) -> Facts:
    tags = file.tag_v2  # type: ignore[attr-defined]  # of a TiffImageFile
    photometric = tags.get(_PHOTOMETRIC)
    bits = max(_numbers(tags.get(_BITS, 1)))
    if tags.get(_SUBFILE, 0) & 1 or photometric in _RAW_PHOTOMETRICS or _DNG in tags or {_MAKE, _SUB_IFDS} <= {*tags}:
        raise Unfit("raw")
    if photometric in _LUMINANCES or _FLOAT in _numbers(tags.get(_FORMAT, 1)) or file.mode in {"F", "I"}:
        raise Unfit("hdr")
    if file.mode == "LAB":
        raise Unfit("colours")
    lossy, pages = tags.get(_COMPRESSION) == _JPEG, getattr(file, "n_frames", 1)
    negative = photometric == 0 and file.mode.startswith("I;16")
    return Facts(lossy, max(bits, 8), pages, file.info.get("icc_profile"), not _TELLING.isdisjoint(tags), negative)


def _numbers(value: object) -> tuple[int, ...]:
    return value if isinstance(value, tuple) else (int(str(value)),)
