"""A picture's dimensions, read from its first bytes."""

from types import SimpleNamespace

import pytest

from img402_mcp.formats import FORMATS, JPEG, PNG, WEBP, Format
from img402_mcp.host.storage.dimensions import MAX_PREFIX_BYTES, DimensionsReader
from tests.fakes.fixtures import Picture
from tests.fakes.growth import is_linear


def fed(form: Format, data: bytes, step: int) -> tuple[tuple[int, int] | None, int]:
    """The size that was found, and how many bytes it took."""
    early = DimensionsReader(form)
    for start in range(0, len(data), step):
        if size := early.feed(data[start : start + step]):
            return size, start + step
    return None, len(data)


@pytest.mark.parametrize("step", [1, 7, 4096])
def test_the_size_is_known_from_the_first_bytes(picture: Picture, other_pictures: SimpleNamespace, step: int):
    pictures = [
        (PNG, picture(300, 200, size=100_000)),
        (JPEG, other_pictures.jpeg(300, 200, 0)),
        *((WEBP, other_pictures.webp(300, 200, kind)) for kind in (b"VP8X", b"VP8L", b"VP8 ")),
    ]
    sizes = [fed(form, data, step) for form, data in pictures]
    assert [size for size, _ in sizes] == [(300, 200)] * 5
    assert max(read for _, read in sizes) <= max(64, step)


def test_the_size_of_a_jpeg_is_found_after_its_metadata(other_pictures: SimpleNamespace):
    size, read = fed(JPEG, other_pictures.jpeg(300, 200, 2), 1000)
    assert (size, read) == ((300, 200), 101_000)


def test_a_size_too_far_from_the_start_is_given_up(other_pictures: SimpleNamespace):
    data = other_pictures.jpeg(300, 200, 7)
    assert len(data) > MAX_PREFIX_BYTES + 50_000
    assert fed(JPEG, data, 1000) == (None, len(data))


@pytest.mark.parametrize("form", FORMATS, ids=[form.name for form in FORMATS])
def test_other_bytes_have_no_size_and_break_nothing(form: Format):
    assert fed(form, b"\xff" * 1000, 10)[0] is None


def test_trickling_bytes_cost_linear_time():
    """Tens of thousands of segments of no bytes: walked again with each piece, they would take many seconds."""

    def trickled(size: int) -> None:
        early = DimensionsReader(JPEG)
        early.feed(b"\xff\xd8" + b"\xff\xe0\x00\x02" * 25 * size)
        assert [early.feed(b"\xff") for _ in range(size)] == [None] * size
        assert early.feed(b"\xc0\x00\x11\x08\x00\xc8\x01\x2c") == (300, 200)

    assert is_linear(trickled, 500)
