"""Files that people send and no API takes. Some can be converted by the fit worker; others are named for the refusal,
with the way out. No content is ever shown.
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

LOOKED_AT = 4096
"""Bytes: an SVG may begin with a long comment, and a HEIF file with many brands."""

_TO_PNG = "save it as PNG first"
_PHOTO = "save it as JPEG or PNG first"
_RENDER = "render it to PNG first"
_AGAIN = "download it again"
_RAW = f"is a camera's raw photo; {_PHOTO}"
_CR3 = f"is a camera's raw photo (CR3); {_PHOTO}"
_RARE = f"is an image in a format that browsers do not show; {_TO_PNG}"

_AS_TEXT = f"is an image whose bytes were changed as if they were text; copy it as a binary file, or {_AGAIN}"

# The patterns are compiled on first use: most sessions refuse nothing.
_BYTES = (
    (rb"(?:\x89|\x09|\xc2\x89|\xef\xbf\xbd)PNG....", _AS_TEXT),
    (rb"(?:\xef\xbf\xbd){3}|\xc3\xbf\xc3\x98\xc3\xbf|(?:\xef\xbf\xbd){2,4}JFIF", _AS_TEXT),
    (rb"%PDF", f"is a PDF; {_RENDER}"),
    (rb"PK(?:\x03\x04|\x05\x06)", "is a zip archive (or an Office document)"),
    (rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n", f"is a JPEG XL image; {_TO_PNG}"),
    (rb"\0\0\0\x0cjP(?:  |\x1a\x1a)\r\n\x87\n|\xff\x4f\xff\x51", f"is a JPEG 2000 image; {_TO_PNG}"),
    (rb"II\xbc", f"is a JPEG XR image; {_TO_PNG}"),
    (rb"\0\0\x01\0[^\0]\0", f"is an icon (ICO); {_TO_PNG}"),
    (rb"\0\0\x02\0[^\0]\0|RIFF....ACON", f"is a cursor; {_TO_PNG}"),
    (rb"icns\0", f"is an icon (ICNS); {_TO_PNG}"),
    (rb"8BP[SB]\0", "is a Photoshop document (PSD); export it as PNG first"),
    (rb"gimp xcf", "is a GIMP document (XCF); export it as PNG first"),
    (BMP_MAGIC, f"is a BMP image; {_TO_PNG}"),
    (RAW_MAGIC, _RAW),
    (TIFF_MAGIC, f"is a TIFF image, or a camera's raw photo; {_TO_PNG}"),
    (rb"[\x8a\x8b][MJ]NG\r\n\x1a\n", f"is an MNG or JNG image; {_TO_PNG}"),
    (rb"P[1-7]\s+[\d#W]", f"is a Netpbm image (PBM, PGM, PPM); {_TO_PNG}"),
    (rb"qoif|FLIF|BPG\xfb|#\?R|v/1\x01|DDS |\xabKTX |SIMPLE  =|\x0a[\0-\x05]\x01[\x01-\x18]|.{128}DICM", _RARE),
    (rb"AT&TFORM", f"is a DjVu document; {_RENDER}"),
    (rb"%!PS|\xc5\xd0\xd3\xc6", f"is a PostScript document; {_RENDER}"),
    (rb"\xd7\xcd\xc6\x9a|\x01\0\0\0.{36} EMF", f"is a Windows metafile; {_TO_PNG}"),
    (rb"RIFF....AVI[ X]|\x1aE\xdf\xa3|FLV\x01|\0\0\x01[\xb3\xba]|\x30\x26\xb2\x75|G.{187}G", "is a video"),
    (rb"....(?:moov|mdat|wide|pnot)", "is a video"),
    (rb"RIFF....(?:WAVE|RMID)|ID3[\2-\4]|fLaC|OggS|\xff[\xf2\xf3\xfb]", "is a sound file"),
    (rb"\x1f\x8b", "is a gzip archive (or a compressed SVG); unpack it first"),
    (rb"7z\xbc\xaf|Rar!|BZh\d1AY|\xfd7zXZ|\x28\xb5\x2f\xfd|.{257}ustar", "is an archive; unpack it first"),
    (rb"MZ.\0|\x7fELF|[\xce\xcf]\xfa\xed\xfe|\xca\xfe\xba\xbe", "is a program"),
    (rb"\0\x05\x16[\0\x07]", "is what macOS keeps about a file (AppleDouble); the image is the file without ._"),
    (rb"\0\0\0\x01Bud1", "is a folder's view settings (.DS_Store)"),
    (
        rb"bplist0",
        "is a property list: a placeholder of iCloud, or a link; open the file once, so that it is downloaded",
    ),
    (rb"\xd0\xcf\x11\xe0", "is an old Office document"),
    (rb"SQLite format 3", "is a database"),
    (rb"wOF[F2]|OTTO|\0\x01\0\0\0", "is a font"),
)

_COMMENT = rb"<!--(?:(?!-->).)*+-->"
_PROLOGUE = rb"(?:\s+|" + _COMMENT + rb"|<\?(?:(?!\?>).)*+\?>|<!doctype\s+(?!html)[^>\[]*+(?:\[[^\]]*+\]\s*+)?>)*+"
_TEXTS = (
    (rb"version https?://(?:git-lfs|hawser)", "is a Git LFS pointer; get the image itself with `git lfs pull` first"),
    (rb"\s*[\"']?data:[\w/+.-]*[;,]", "is a data: URL; decode it into an image file first"),
    (rb"\s*[\"']?(?:iVBORw0KGgo|/9j/|R0lGOD|UklGR)", "is base64 text; decode it into an image file first"),
    (_PROLOGUE + rb"<(?:[a-z]+:)?svg\b", f"is an SVG; {_RENDER}"),
    (
        _PROLOGUE + rb"<(?:!doctype\s+html|html|head|body|meta|title|script|style|div|p|h1|pre|center)\b",
        f"is an HTML page, perhaps an error or a login saved in place of the image; {_AGAIN}",
    ),
    (_PROLOGUE + rb"<plist\b", "is a property list; open the file once, so that it is downloaded"),
    (_PROLOGUE + rb"<[a-z!?]", f"is an XML document, perhaps an error saved in place of the image; {_AGAIN}"),
    (
        rb"\s*[\[{]\s*(?:[\"\[{\]}\d-]|true|false|null|\Z)",
        f"is JSON, perhaps an error saved in place of the image; {_AGAIN}",
    ),
    (rb"HTTP/\d", f"is a whole HTTP response; {_AGAIN} without its headers"),
    (
        rb"\[InternetShortcut\]|\[Desktop Entry\]|https?://\S+\s*\Z",
        "is a link to a web page; download what it leads to",
    ),
)

_BRANDS = (
    (RAW_BRANDS, _CR3),
    (AVIF_BRANDS, "is an AVIF image; save it as WebP or PNG first"),
    (HEIC_BRANDS, f"is a HEIC photo; {_PHOTO}"),
    ({"jxl"}, f"is a JPEG XL image; {_TO_PNG}"),
    ({"jp2", "jpx", "jpm", "mjp2"}, f"is a JPEG 2000 image; {_TO_PNG}"),
)
"""Of ISO base media, the surest first."""
_HEIF = {"mif1", "mif2", "msf1", "miaf", "MiHB", "MiHE", "vvic", "1pic"}
_VIDEO = re.compile(r"isom|iso[2-9a-z]|mp4[12v]|avc1|qt|M4V|MSNV|dash|3g[2egprs]|[fF]4v|NDSC|XAVC|mmp4|cmf|CAEP")
_SOUND = re.compile(r"M4[ABP]")


def what_it_is(head: bytes) -> str:
    if not head:
        return "is empty: it is still being written, or a placeholder of iCloud or another cloud drive; open it once"
    if not head.strip(b"\0"):
        return f"begins with nothing but zero bytes, as after a failed download or copy; {_AGAIN} or save it again"
    if head[4:8] == b"ftyp":
        return _in_boxes(head)
    text = _plain(head)
    named = _first(_BYTES, head, re.DOTALL) or _first(_TEXTS, text, re.DOTALL | re.IGNORECASE)
    return named or ("is plain text" if _is_text(text) else "does not begin like a PNG, JPEG, GIF or WebP")


def _first(table: tuple[tuple[bytes, str], ...], head: bytes, flags: int) -> str | None:
    return next((clause for pattern, clause in table if re.match(pattern, head, flags)), None)


def _in_boxes(head: bytes) -> str:
    """By the major brand and the compatible brands."""
    major, *others = brands(head)
    named = {major, *others}
    for names, clause in _BRANDS:
        if named & names:
            return clause
    if named & _HEIF and not _VIDEO.match(major):
        return f"is a HEIF image; {_PHOTO}"
    if _SOUND.match(major):
        return "is a sound file"
    is_video = any(map(_VIDEO.match, named))
    return "is a video" if is_video else f"is a video or photo in a format that is not known; {_PHOTO}"


def _plain(head: bytes) -> bytes:
    """Text in UTF-16 as ASCII, and other text without its byte order mark."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return head.decode("utf-16", "replace").lstrip("\ufeff").encode("ascii", "replace")
    if head[1:2] == b"\0" and head[3:4] == b"\0":
        return head.decode("utf-16-le", "replace").encode("ascii", "replace")
    return head.removeprefix(b"\xef\xbb\xbf")


def _is_text(head: bytes) -> bool:
    return not re.search(rb"[\0-\x08\x0e-\x1a\x1c-\x1f\x7f]", head) and b"\xff" not in head


# What can be converted


def convertible(head: bytes) -> Format | None:
    """The format, or None for any other file. Raw photos do not count, although most are TIFF or HEIF files outside."""
    if head[4:8] == b"ftyp":
        names = {*brands(head)}
        kinds = ((RAW_BRANDS, None), (AVIF_BRANDS, AVIF), (HEIC_BRANDS, HEIC))
        return next((kind for known, kind in kinds if known & names), None)
    if re.match(BMP_MAGIC, head, re.DOTALL):
        return BMP
    is_tiff = re.match(TIFF_MAGIC, head, re.DOTALL) and not re.match(RAW_MAGIC, head, re.DOTALL)
    return TIFF if is_tiff else None


def brands(head: bytes) -> tuple[str, ...]:
    """The major brand, then the compatible brands."""
    end = min(int.from_bytes(head[:4], "big"), len(head))
    return tuple(head[at : at + 4].decode("latin-1").strip() for at in (8, *range(16, end - 3, 4)))
