import struct

import pytest

from img402_mcp.formats import LOOKED_AT, NotAnImage, examine


def clause(data: bytes) -> str:
    with pytest.raises(NotAnImage) as caught:
        examine(data)
    return str(caught.value)


def boxes(major: str, *compatible: str) -> bytes:
    """ISO base media: the first box, and the beginning of the next."""
    content = b"".join(brand.encode().ljust(4) for brand in (major, "\0\0\0\0", *compatible))
    return struct.pack(">I4s", len(content) + 8, b"ftyp") + content + struct.pack(">I4s", 40, b"meta") + bytes(32)


PNG_FIRST, PHOTO, RENDER = "save it as PNG first", "save it as JPEG or PNG first", "render it to PNG first"
AGAIN = "download it again"
HEIC, AVIF, HEIF = "a HEIC photo", "an AVIF image", "a HEIF image"
AS_TEXT, UNKNOWN = "an image whose bytes were changed", "a video or photo in a format that is not known"
OLD_SVG = b'<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "svg11.dtd" [\n<!ENTITY ns "x">\n]>\n<svg>'


@pytest.mark.parametrize(
    ("data", "kind", "way_out"),
    [
        # Photos and videos in boxes
        *[
            pytest.param(boxes(brand, "mif1"), HEIC, PHOTO, id=f"heic-{brand}")
            for brand in ("heic", "heix", "heim", "heis", "hevc", "hevx", "hevm", "hevs")
        ],
        pytest.param(boxes("mif1", "mif1", "heic"), HEIC, PHOTO, id="heic-under-mif1"),
        pytest.param(boxes("msf1", "msf1", "hevc", "heic"), HEIC, PHOTO, id="heic-sequence-under-msf1"),
        pytest.param(boxes("avif", "mif1", "miaf"), AVIF, "save it as WebP or PNG first", id="avif"),
        pytest.param(boxes("avis", "msf1", "avif"), AVIF, "save it as WebP or PNG first", id="avif-sequence"),
        pytest.param(boxes("mif1", "mif1", "avif"), AVIF, "save it as WebP or PNG first", id="avif-under-mif1"),
        pytest.param(boxes("msf1", "avis"), AVIF, "save it as WebP or PNG first", id="avif-under-msf1"),
        pytest.param(boxes("mif1", "mif1", "miaf"), HEIF, PHOTO, id="heif"),
        pytest.param(boxes("abcd", "mif1"), HEIF, PHOTO, id="heif-under-an-unknown-brand"),
        pytest.param(boxes("crx", "crx", "isom"), "a camera's raw photo (CR3)", PHOTO, id="cr3"),
        pytest.param(boxes("jxl"), "a JPEG XL image", PNG_FIRST, id="jpeg-xl-brand"),
        pytest.param(boxes("jp2"), "a JPEG 2000 image", PNG_FIRST, id="jpeg-2000-brand"),
        pytest.param(boxes("isom", "mp41", "avc1"), "a video", "", id="mp4"),
        pytest.param(boxes("mp42", "isom"), "a video", "", id="mp4-of-a-phone"),
        pytest.param(boxes("qt"), "a video", "", id="quicktime"),
        pytest.param(boxes("3gp5", "isom"), "a video", "", id="3gp"),
        pytest.param(boxes("M4V"), "a video", "", id="m4v"),
        pytest.param(boxes("M4A", "isom", "mp42"), "a sound file", "", id="m4a"),
        pytest.param(boxes("abcd", "efgh"), UNKNOWN, PHOTO, id="unknown-brand"),
        pytest.param(boxes("heic")[:12], HEIC, PHOTO, id="heic-cut-off"),
        # Other images
        pytest.param(b"\xff\x0a\0\0", "a JPEG XL image", PNG_FIRST, id="jpeg-xl"),
        pytest.param(b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL image", PNG_FIRST, id="jpeg-xl-in-boxes"),
        pytest.param(b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 image", PNG_FIRST, id="jpeg-2000"),
        pytest.param(b"\xff\x4f\xff\x51\0", "a JPEG 2000 image", PNG_FIRST, id="jpeg-2000-code"),
        pytest.param(b"II\xbc\x01", "a JPEG XR image", PNG_FIRST, id="jpeg-xr"),
        pytest.param(b"\0\0\1\0\1\0\x10\x10", "an icon (ICO)", PNG_FIRST, id="ico"),
        pytest.param(b"\0\0\2\0\1\0\x10\x10", "a cursor", PNG_FIRST, id="cur"),
        pytest.param(b"icns\0\0\1\0", "an icon (ICNS)", PNG_FIRST, id="icns"),
        pytest.param(b"8BPS\0\1", "a Photoshop document (PSD)", "export it as PNG first", id="psd"),
        pytest.param(b"gimp xcf v011", "a GIMP document (XCF)", "export it as PNG first", id="xcf"),
        pytest.param(b"BM\x36\x10\0\0\0\0\0\0\x36", "a BMP image", PNG_FIRST, id="bmp"),
        pytest.param(b"II*\0\x08\0\0\0", "a TIFF image, or a camera's raw photo", PNG_FIRST, id="tiff-little-endian"),
        pytest.param(b"MM\0*\0\0\0\x08", "a TIFF image, or a camera's raw photo", PNG_FIRST, id="tiff-big-endian"),
        pytest.param(b"II*\0\x10\0\0\0CR\2\0", "a camera's raw photo", PHOTO, id="cr2"),
        pytest.param(b"FUJIFILMCCD-RAW ", "a camera's raw photo", PHOTO, id="raf"),
        pytest.param(b"P6\n640 480\n255\n", "a Netpbm image (PBM, PGM, PPM)", PNG_FIRST, id="ppm"),
        pytest.param(b"qoif\0\0", "an image in a format that browsers do not show", PNG_FIRST, id="qoi"),
        pytest.param(b"v/1\x01\2", "an image in a format that browsers do not show", PNG_FIRST, id="exr"),
        pytest.param(bytes(127) + b"\1DICM", "an image in a format that browsers do not show", PNG_FIRST, id="dicom"),
        pytest.param(b"\x8aMNG\r\n\x1a\n", "an MNG or JNG image", PNG_FIRST, id="mng"),
        pytest.param(b"\x89PNG\n\x1a\n\0\0", AS_TEXT, AGAIN, id="png-sent-as-text"),
        pytest.param("\ufffdPNG\r\n\x1a\n".encode(), AS_TEXT, AGAIN, id="png-decoded"),
        pytest.param("\ufffd\ufffd\ufffd\ufffd\0".encode(), AS_TEXT, AGAIN, id="jpeg-decoded"),
        # SVG
        pytest.param(b"<svg xmlns=''>", "an SVG", RENDER, id="svg"),
        pytest.param(b"\xef\xbb\xbf <?xml version='1.0'?>\n<SVG>", "an SVG", RENDER, id="svg-behind-xml"),
        pytest.param(b"<!-- drawn -->\n<!-- by hand --><svg>", "an SVG", RENDER, id="svg-behind-comments"),
        pytest.param(b"<?xml version='1.0'?>" + OLD_SVG, "an SVG", RENDER, id="svg-behind-its-doctype"),
        pytest.param("<svg>".encode("utf-16"), "an SVG", RENDER, id="svg-utf-16"),
        pytest.param("<svg>".encode("utf-16-le"), "an SVG", RENDER, id="svg-utf-16-without-its-mark"),
        pytest.param(b"<svg:svg xmlns:svg=''>", "an SVG", RENDER, id="svg-with-a-prefix"),
        pytest.param(b"<!--" + b"x" * 4000 + b"--><svg>", "an SVG", RENDER, id="svg-behind-a-long-comment"),
        pytest.param(b"\x1f\x8b\x08\0", "a gzip archive (or a compressed SVG)", "unpack it first", id="svgz"),
        # Text instead of an image
        pytest.param(b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer", "git lfs pull", id="lfs"),
        pytest.param(b"iVBORw0KGgoAAAANSUhEUg==", "base64 text", "decode it", id="base64-png"),
        pytest.param(b"/9j/4AAQSkZJRgABAQ", "base64 text", "decode it", id="base64-jpeg"),
        pytest.param(b'"R0lGODlhAQABAIA"', "base64 text", "decode it", id="base64-gif-in-quotes"),
        pytest.param(b"data:image/png;base64,iVBORw0KG", "a data: URL", "decode it", id="data-url"),
        pytest.param(b'{"error": "not found"}', "JSON", AGAIN, id="json"),
        pytest.param(b"\n[1, 2]", "JSON", AGAIN, id="json-list"),
        pytest.param(b"\n<!doctype html>", "an HTML page", AGAIN, id="html"),
        pytest.param(b"<!-- x --><HTML lang=en>", "an HTML page", AGAIN, id="html-behind-a-comment"),
        pytest.param(b"<title>Sign in</title>", "an HTML page", AGAIN, id="html-without-html"),
        pytest.param(b"<?xml version='1.0'?><Error><Code>", "an XML document", AGAIN, id="xml-of-a-store"),
        pytest.param(b"HTTP/1.1 200 OK\r\n", "a whole HTTP response", AGAIN, id="http"),
        pytest.param(b"https://images.example/a.png\n", "a link", "download what it leads to", id="link"),
        pytest.param(b"404: Not Found", "plain text", "", id="text"),
        pytest.param(b"BMW is a car", "plain text", "", id="text-that-begins-like-bmp"),
        pytest.param(b"MZ is a place", "plain text", "", id="text-that-begins-like-a-program"),
        pytest.param("Grüße".encode(), "plain text", "", id="text-in-utf-8"),
        pytest.param("Grüße".encode("utf-16"), "plain text", "", id="text-in-utf-16"),
        # Placeholders, and files often found next to images
        pytest.param(b"", "empty", "iCloud", id="empty"),
        pytest.param(bytes(LOOKED_AT + 1), "nothing but zero bytes", AGAIN, id="zeros"),
        pytest.param(b"bplist00\xd4", "a property list", "open the file once", id="icloud-placeholder"),
        pytest.param(b"<?xml version='1.0'?><plist version='1.0'>", "a property list", "open", id="plist"),
        pytest.param(b"\0\x05\x16\x07\0\2", "what macOS keeps about a file", "without ._", id="apple-double"),
        pytest.param(b"%PDF-1.7", "a PDF", RENDER, id="pdf"),
        pytest.param(b"PK\x03\x04", "a zip archive (or an Office document)", "", id="zip"),
        pytest.param(b"Rar!\x1a\x07", "an archive", "unpack it first", id="rar"),
        pytest.param(b"\x1aE\xdf\xa3", "a video", "", id="webm"),
        pytest.param(b"\0\0\0\x08wide\0\0\0\0mdat", "a video", "", id="quicktime-without-brands"),
        pytest.param(b"RIFF\0\0\0\0WAVE", "a sound file", "", id="wav"),
        pytest.param(b"\x7fELF\2\1", "a program", "", id="elf"),
        pytest.param(b"GIF88a\0\0", "does not begin like a PNG, JPEG, GIF or WebP", "", id="gif-of-another-year"),
        pytest.param(b"\1\2\3\4" * 9, "does not begin like a PNG, JPEG, GIF or WebP", "", id="anything"),
    ],
)
def test_other_files_are_named_with_the_way_out(data: bytes, kind: str, way_out: str):
    said = clause(data)
    assert kind in said
    assert way_out in said


@pytest.mark.parametrize("secret", [b"-----BEGIN PRIVATE KEY-----\nMIIE", b"password: hunter2", b"<svg><!-- hunter2"])
def test_no_byte_of_the_content_is_quoted(secret: bytes):
    assert not {"hunter2", "MIIE", "PRIVATE"} & {*clause(secret).replace(",", " ").split()}


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"<!--" * 1000, id="comments-that-do-not-end"),
        pytest.param(b"<?" * 2000, id="instructions-that-do-not-end"),
        pytest.param(b"<!-- -->" * 500 + b"x", id="comments-without-an-svg"),
        pytest.param(b"<!doctype a [" * 300, id="doctypes-that-do-not-end"),
        pytest.param(b" " * 4000, id="blanks"),
        pytest.param(b"[" * 4000, id="brackets"),
        pytest.param(struct.pack(">I4s", 2**32 - 1, b"ftyp") + b"abcd" * 1000, id="brands"),
    ],
)
def test_hostile_text_is_named_at_once(data: bytes):
    """A pattern that tries again from each place would not come back from these."""
    assert clause(data)
