"""Formats that no API takes and the fit worker converts, recognised by their first bytes."""

import pytest

from img402_mcp.formats.lookalikes import AVIF, BMP, HEIC, TIFF, convertible
from tests.formats.test_lookalikes import boxes


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        pytest.param(boxes("avif", "mif1"), AVIF, id="avif"),
        pytest.param(boxes("mif1", "avif", "heic"), AVIF, id="avif-under-mif1"),
        pytest.param(boxes("heic", "mif1"), HEIC, id="heic"),
        pytest.param(boxes("msf1", "hevc"), HEIC, id="heic-sequence"),
        pytest.param(boxes("crx", "heic"), None, id="raw-in-boxes"),
        pytest.param(boxes("mif1"), None, id="heif-of-an-unknown-codec"),
        pytest.param(boxes("isom", "mp42"), None, id="video"),
        pytest.param(b"BM\x36\x10\0\0\0\0\0\0\x36", BMP, id="bmp"),
        pytest.param(b"BMW drives well", None, id="text"),
        pytest.param(b"II*\0\x08\0\0\0", TIFF, id="tiff-little-endian"),
        pytest.param(b"MM\0*\0\0\0\x08", TIFF, id="tiff-big-endian"),
        pytest.param(b"II+\0\x08\0\0\0", TIFF, id="big-tiff"),
        pytest.param(b"II*\0\x10\0\0\0CR\x02", None, id="raw-canon"),
        pytest.param(b"IIU\0\x18\0\0\0", None, id="raw-panasonic"),
        pytest.param(b"<svg xmlns='http://www.w3.org/2000/svg'>", None, id="svg"),
        pytest.param(b"\x89PNG\r\n\x1a\n", None, id="png"),
        pytest.param(b"", None, id="empty"),
    ],
)
def test_only_what_the_worker_decodes_is_convertible(head: bytes, kind):
    assert convertible(head) is kind
