"""What an EXIF block says, by kind; and the smallest one, which only says how to turn the picture.

Sources: TIFF 6.0 section 2, EXIF 2.32 (CIPA DC-008). A block may be broken in any way; one that cannot be read is
reported as plain "EXIF".
"""

import struct
from typing import NamedTuple

_ORIENTATION, _SHORT = 0x0112, 3
MAX_ENTRIES = 1000  # of one directory; a camera writes about sixty

_MAIN = {
    0x010E: "description",
    0x010F: "camera model",
    0x0110: "camera model",
    0x0131: "software",
    0x0132: "time stamp",
    0x013B: "author",
    0x013C: "host computer",
    0x02BC: "XMP",
    0x8298: "copyright",
    0x83BB: "IPTC",
    0x9C9B: "description",
    0x9C9C: "comment",
    0x9C9D: "author",
    0x9C9E: "keywords",
    0x9C9F: "description",
}
_DETAILS = {
    0x9003: "time stamp",
    0x9004: "time stamp",
    0x927C: "maker note",
    0x9286: "comment",
    0xA420: "picture's id",
    0xA430: "owner",
    0xA431: "serial number",
    0xA434: "lens model",
    0xA435: "serial number",
}
_POSITION = {0x0002: "GPS position", 0x0004: "GPS position", 0x0007: "time stamp", 0x001D: "time stamp"}

_DIRECTORIES = {0x8769: _DETAILS, 0x8825: _POSITION}
_ORDER = list(dict.fromkeys((*_POSITION.values(), *_MAIN.values(), *_DETAILS.values(), "thumbnail")))

_Entry = tuple[int, int, bytes]  # type, count, value or its offset


class ExifContent(NamedTuple):
    kinds: tuple[str, ...]
    """In plain words, the most serious first."""
    turning: bytes
    """The block with nothing but the orientation, in the same byte order; empty where the picture is upright."""


def content_of(tiff: bytes) -> ExifContent:
    """Each directory is read once, so each tag counts once."""
    try:
        order, first = _start(tiff)
        entries = _entries(tiff, order, first)
    except struct.error:
        return ExifContent(("EXIF",), b"")
    found = {_MAIN.get(tag, "") for tag in entries}
    for tag, names in _DIRECTORIES.items():
        if tag in entries:
            found |= _in_directory(tiff, order, entries[tag][2], names)
    found |= _thumbnail(tiff, order, first)
    turning = _turning(order, *entries[_ORIENTATION]) if _ORIENTATION in entries else b""
    return ExifContent(tuple(sorted(found - {""}, key=_ORDER.index)) or ("EXIF",), turning)


def _turning(order: str, kind: int, count: int, value: bytes) -> bytes:
    (orientation,) = struct.unpack_from(order + "H", value)
    if (kind, count) != (_SHORT, 1) or not 2 <= orientation <= 8:
        return b""
    mark = b"II" if order == "<" else b"MM"
    return mark + struct.pack(order + "HIHHHIHHI", 42, 8, 1, _ORIENTATION, _SHORT, 1, orientation, 0, 0)


def _start(tiff: bytes) -> tuple[str, int]:
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        raise struct.error("no byte order")
    magic, first = struct.unpack_from(order + "HI", tiff, 2)
    if magic != 42:
        raise struct.error("no TIFF")
    return order, first


def _entries(tiff: bytes, order: str, at: int) -> dict[int, _Entry]:
    """By tag; decoders use the last of several."""
    (count,) = struct.unpack_from(order + "H", tiff, at)
    whole = min(count, MAX_ENTRIES, (len(tiff) - at - 2) // 12)
    rows = struct.iter_unpack(order + "HHI4s", tiff[at + 2 : at + 2 + 12 * whole])
    return {tag: (kind, amount, value) for tag, kind, amount, value in rows}


def _in_directory(tiff: bytes, order: str, value: bytes, names: dict[int, str]) -> set[str]:
    try:
        (at,) = struct.unpack(order + "I", value)
        return {names.get(tag, "") for tag in _entries(tiff, order, at)}
    except struct.error:
        return set()


def _thumbnail(tiff: bytes, order: str, first: int) -> set[str]:
    """The second directory is for a thumbnail."""
    try:
        (count,) = struct.unpack_from(order + "H", tiff, first)
        (second,) = struct.unpack_from(order + "I", tiff, first + 2 + 12 * count)
    except struct.error:
        return set()
    return {"thumbnail"} if second else set()
