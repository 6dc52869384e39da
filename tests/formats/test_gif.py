import pytest

from img402_mcp.formats import NotAnImage, Picture, examine
from img402_mcp.formats.base import GIF, CutOff
from tests.fakes.structures import GIF_IMAGE, SMALL_SCREEN, gif


@pytest.mark.parametrize(
    ("data", "picture"),
    [
        pytest.param(gif(GIF_IMAGE, b"\x3b"), Picture(GIF, 48, 32, 28), id="least-gif"),
        pytest.param(gif(b"\0" * 6, GIF_IMAGE, b";", flags=0x80), Picture(GIF, 48, 32, 34), id="gif-colour-table"),
        pytest.param(gif(b"\x21\xfe\x01;\0", GIF_IMAGE, b";"), Picture(GIF, 48, 32, 33), id="end-in-a-gif-comment"),
    ],
)
def test_a_structure_is_walked_to_its_end(data: bytes, picture: Picture):
    assert examine(data) == picture


@pytest.mark.parametrize(
    ("data", "clause"),
    [
        pytest.param(gif(b";"), "is a GIF without pixels", id="gif-without-pixels"),
        pytest.param(gif(b"\0"), "is a GIF with a broken block", id="gif-unknown-block"),
        pytest.param(gif(GIF_IMAGE, b";", width=0), SMALL_SCREEN, id="gif-without-width"),
        pytest.param(gif(b"\x21\xfe\xff"), str(CutOff("GIF")), id="gif-endless-comment"),
        pytest.param(gif(GIF_IMAGE, b";", flags=0x87), str(CutOff("GIF")), id="gif-long-table"),
        pytest.param(gif(b"!\xf9\0", GIF_IMAGE, b";"), "is a GIF with a broken block", id="gif-empty-control"),
        pytest.param(gif(b"!\xf9\4abcd\1e\0", GIF_IMAGE, b";"), "is a GIF with a broken block", id="gif-long-control"),
        pytest.param(
            gif(GIF_IMAGE.replace(b"\1\0\1\0", bytes(4), 1), b";"),
            "is a GIF with a frame that has no size",
            id="gif-frame-without-a-size",
        ),
        pytest.param(
            gif(GIF_IMAGE.replace(b"\1\0\1\0", b"\x31\0\1\0", 1), b";"), SMALL_SCREEN, id="gif-frame-too-wide"
        ),
    ],
)
def test_a_broken_structure_is_refused_with_what_is_broken(data: bytes, clause: str):
    with pytest.raises(NotAnImage) as caught:
        examine(data)
    assert str(caught.value) == clause
