"""Formats that people have but no API takes.

They are recognized by their bytes, so that the fit worker can convert them.
"""

import re

from img402_mcp.formats.base import Format

AVIF = Format("AVIF", "image/avif", "avif")
BMP = Format("BMP", "image/bmp", "bmp")
HEIC = Format("HEIC", "image/heic", "heic")
TIFF = Format("TIFF", "image/tiff", "tif")
CONVERTIBLE = (AVIF, BMP, HEIC, TIFF)

BMP_MAGIC = rb"BM....\0\0\0\0"
RAW_MAGIC = rb"(?:II\*\0|MM\0\*)....CR|FUJIFILMCCD-RAW|IIR[OS]\x08|IIU\0|FOVb|\0MRM"
TIFF_MAGIC = rb"II[*+]\0|MM\0[*+]"
RAW_BRANDS = frozenset({"crx"})
AVIF_BRANDS = frozenset({"avif", "avis", "avio"})
HEIC_BRANDS = frozenset({"heic", "heix", "heim", "heis", "hevc", "hevx", "hevm", "hevs"})
"""Of ISO base media."""


def convertible(head: bytes) -> Format | None:
    """The format, or None for any other file. Raw photos do not count, although most are TIFF or HEIF files outside."""
    if head[4:8] == b"ftyp":
        return _by_brand(brands(head))
    if re.match(BMP_MAGIC, head, re.DOTALL):
        return BMP
    is_tiff = re.match(TIFF_MAGIC, head, re.DOTALL) and not re.match(RAW_MAGIC, head, re.DOTALL)
    return TIFF if is_tiff else None


def brands(head: bytes) -> tuple[str, ...]:
    """The major brand, then the compatible brands."""
    end = min(int.from_bytes(head[:4], "big"), len(head))
    return tuple(head[at : at + 4].decode("latin-1").strip() for at in (8, *range(16, end - 3, 4)))


def _by_brand(names: tuple[str, ...]) -> Format | None:
    if RAW_BRANDS.intersection(names):
        return None
    return AVIF if AVIF_BRANDS.intersection(names) else HEIC if HEIC_BRANDS.intersection(names) else None
