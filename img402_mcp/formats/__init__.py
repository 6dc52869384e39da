"""PNG, JPEG, GIF and WebP from their bytes alone: the format, the picture's size, and where the image ends.

Nothing is decoded. The structure is walked (chunks, segments, blocks) with every length checked against the buffer, so
that a hostile file costs no more than its own size.
"""

from img402_mcp.formats.base import FORMATS, JPEG, MAGIC_LENGTH, PNG, WEBP, Buffer, Format, NotAnImage, Picture
from img402_mcp.formats.lookalikes import LOOKED_AT
from img402_mcp.formats.repair.repair import Repaired, repaired
from img402_mcp.formats.walk import examine, sniff

__all__ = [
    "FORMATS",
    "JPEG",
    "LOOKED_AT",
    "MAGIC_LENGTH",
    "PNG",
    "WEBP",
    "Buffer",
    "Format",
    "NotAnImage",
    "Picture",
    "Repaired",
    "examine",
    "repaired",
    "sniff",
]
