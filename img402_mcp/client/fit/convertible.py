"""AVIF, BMP, HEIC and TIFF: their decoders, and the facts about each that its pixels do not show. A file is decoded
from its bytes alone: a profile that it only names (BMP) is never looked for.
"""

import re
from collections.abc import Iterator
from importlib import import_module
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

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


NAMES = frozenset({"AVIF", "BMP", "HEIC", "TIFF"})


def decoder_of(name: str) -> "type[ImageFile]":
    """Imported only for a file of its kind, and before the worker gives up its access to files."""
    if name == "HEIC":
        return _heic()
    plugin: Any = import_module(f"PIL.{name.title()}ImagePlugin")
    if name == "AVIF":
        if not plugin.SUPPORTED:  # as in Pillow's wheel for Windows on ARM
            raise Unfit("avif")
        plugin.DEFAULT_MAX_THREADS = 1  # each thread needs more memory
    kind: type[ImageFile] = getattr(plugin, f"{name.title()}ImageFile")
    return kind


def _heic() -> "type[ImageFile]":
    try:
        from pi_heif import HeifImageFile, options  # noqa: PLC0415  # the extra `heic`
    except ImportError:
        raise Unfit("heic") from None
    options.DECODE_THREADS = 1
    options.THUMBNAILS = options.DEPTH_IMAGES = options.AUX_IMAGES = False
    kind: type[ImageFile] = HeifImageFile
    return kind


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
    coded, profile = _coded_colours(data), file.info.get("icc_profile")
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


# The boxes of ISO base media (ISO/IEC 14496-12, 23008-12): Pillow shows none of them, and libheif only some.


_MOST_BOXES = 1000  # of one parent; a phone's photo has about a hundred properties
_TRACK_COLOURS = re.compile(rb"colrnclx(....)", re.DOTALL)


class _CodedColours(NamedTuple):
    """By the numbers of ITU-T H.273; 2 is unspecified."""

    primaries: int = 2
    transfer: int = 2
    depth: int = 8


def _coded_colours(data: bytes) -> _CodedColours:
    """Of the primary image. If it has none, those of its tiles or of the track."""
    meta = _first(b"meta", data)[4:]
    properties = _first(b"iprp", meta)
    every = [*_boxes(_first(b"ipco", properties))]
    own = [every[index - 1] for index in _indices(meta, properties) if 0 < index <= len(every)]
    named = own if any(kind == b"colr" for kind, _ in own) else every
    nclx = (body[4:8] for kind, body in named if kind == b"colr" and body[:4] == b"nclx")
    track = _TRACK_COLOURS.search(_first(b"moov", data))
    codes = next(nclx, track[1] if track else b"\0\2\0\2")
    primaries, transfer = int.from_bytes(codes[:2], "big"), int.from_bytes(codes[2:4], "big")
    depth = max((body[5] for kind, body in own or every if kind == b"pixi" and len(body) > 5), default=8)
    return _CodedColours(primaries, transfer, depth)


def _indices(meta: bytes, properties: bytes) -> Iterator[int]:
    """The indices of the primary image's properties, counted from 1."""
    item = _first(b"pitm", meta)
    primary = int.from_bytes(item[4:8] if item[:1] == b"\1" else item[4:6], "big")
    table = _first(b"ipma", properties)
    wide_items, wide_indices = table[:1] != b"\0", table[3:4] == b"\1"
    place, size = 8, 4 if wide_items else 2
    for _ in range(min(int.from_bytes(table[4:8], "big"), _MOST_BOXES)):
        number, count = int.from_bytes(table[place : place + size], "big"), table[place + size : place + size + 1]
        start, width = place + size + 1, 2 if wide_indices else 1
        place = start + width * (count[0] if count else 0)
        if number == primary:
            yield from _in_steps(table[start:place], width)


def _in_steps(table: bytes, width: int) -> Iterator[int]:
    mask = (1 << (8 * width - 1)) - 1  # the highest bit says that a reader must understand it
    for at in range(0, len(table), width):
        yield int.from_bytes(table[at : at + width], "big") & mask


def _first(wanted: bytes, data: bytes) -> bytes:
    return next((body for kind, body in _boxes(data) if kind == wanted), b"")


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    yield from islice(_all_boxes(data), _MOST_BOXES)


def _all_boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 0
    while place + 8 <= len(data):
        size, head = int.from_bytes(data[place : place + 4], "big"), 8
        if size == 1:
            size, head = int.from_bytes(data[place + 8 : place + 16], "big"), 16
        size = size or len(data) - place  # 0: to the end
        if size < head:
            return
        yield data[place + 4 : place + 8], data[place + head : place + size]
        place += size
