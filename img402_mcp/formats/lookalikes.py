"""What people send in place of an image, named for the refusal."""

import re

# What people send most in place of an image, so that the refusal can name it. Never a byte of the content.
# Compiled when they are needed: most sessions refuse nothing.
_LOOKALIKES = (
    (rb"%PDF", "is a PDF"),
    (rb"PK\x03\x04", "is a zip archive (or an Office document)"),
    (rb"....ftyp(?:heic|heix|mif1|hevc)", "is a HEIC photo; save it as JPEG or PNG first"),
    (rb"....ftypavi[fs]", "is an AVIF image; save it as WebP or PNG first"),
    (rb"....ftyp", "is a video"),
    (rb"\x1aE\xdf\xa3", "is a video"),
    (rb"BM....\0\0\0\0", "is a BMP image; save it as PNG first"),
    (rb"II\*\0|MM\0\*", "is a TIFF image; save it as PNG first"),
    (rb"(?:\xef\xbb\xbf)?\s*<(?:\?xml[^>]*>\s*<)?svg", "is an SVG; render it to PNG first"),
    (rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype )?html", "is an HTML page"),
)


def what_it_is(head: bytes) -> str:
    if not head:
        return "is empty"
    for pattern, clause in _LOOKALIKES:
        if re.match(pattern, head, re.DOTALL | re.IGNORECASE):
            return clause
    return "does not begin like a PNG, JPEG, GIF or WebP"
