import pytest

from img402_mcp.formats import PNG, NotAnImage, Picture, examine
from img402_mcp.formats.base import CutOff
from tests.fakes.structures import chunk, header, png


@pytest.mark.parametrize(
    ("data", "picture"),
    [
        pytest.param(png(header(), chunk(b"IDAT"), chunk(b"IEND")), Picture(PNG, 48, 32, 57), id="least-png"),
    ],
)
def test_a_structure_is_walked_to_its_end(data: bytes, picture: Picture):
    assert examine(data) == picture


@pytest.mark.parametrize(
    ("data", "clause"),
    [
        pytest.param(png(chunk(b"IDAT", b"\0" * 13)), "is a PNG whose first chunk is not its header", id="no-header"),
        pytest.param(
            png(chunk(b"IHDR", b"\0" * 14)), "is a PNG whose first chunk is not its header", id="long-png-header"
        ),
        pytest.param(png(header(), chunk(b"IEND")), "is a PNG without pixels", id="png-without-pixels"),
        pytest.param(png(header(), chunk(b"ID\0T")), "is a PNG with a broken chunk", id="png-chunk-name"),
        pytest.param(
            png(header(), chunk(b"IDAT"), chunk(b"IEND", b"secret")), "is a PNG with a broken chunk", id="png-full-end"
        ),
        pytest.param(
            png(header(), chunk(b"IDAT", length=2**32 - 1), chunk(b"IEND")),
            str(CutOff("PNG")),
            id="png-endless-chunk",
        ),
        pytest.param(png(header(0, 32), chunk(b"IDAT"), chunk(b"IEND")), "is a PNG of 0x32 pixels", id="png-no-width"),
        pytest.param(
            png(header(kind=b"\x07\0\0\0\0"), chunk(b"IDAT"), chunk(b"IEND")),
            "is a PNG whose header makes no sense",
            id="png-seven-bits",
        ),
        pytest.param(
            png(header(kind=b"\x08\0\0\0\2"), chunk(b"IDAT"), chunk(b"IEND")),
            "is a PNG whose header makes no sense",
            id="png-interlaced-in-an-unknown-way",
        ),
        pytest.param(
            png(header(kind=b"\x08\3\0\0\0"), chunk(b"IDAT"), chunk(b"PLTE", bytes(3)), chunk(b"IEND")),
            "is a PNG without its palette",
            id="png-palette-too-late",
        ),
        pytest.param(
            png(header(), chunk(b"tEXt", b"text")[:-1] + b"!", chunk(b"IDAT"), chunk(b"IEND")),
            "is a PNG with a damaged chunk",
            id="png-checksum",
        ),
    ],
)
def test_a_broken_structure_is_refused_with_what_is_broken(data: bytes, clause: str):
    with pytest.raises(NotAnImage) as caught:
        examine(data)
    assert str(caught.value) == clause
