"""A file put to a signed URL is judged as its bytes arrive."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from img402_mcp.formats import FORMATS, JPEG, PNG, WEBP, Format
from img402_mcp.host.apis.io42.presigned_put import NotAsSigned, PresignedBody
from img402_mcp.host.errors import ApiError
from img402_mcp.host.storage.dimensions import LONGEST_PREFIX, DimensionsReader
from img402_mcp.host.storage.signed_urls import Permit
from img402_mcp.host.storage.spool import arriving

Picture = Callable[..., bytes]


def fed(form: Format, data: bytes, step: int) -> tuple[tuple[int, int] | None, int]:
    """The size that was told, and how many bytes it took."""
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
    told = [fed(form, data, step) for form, data in pictures]
    assert [size for size, _ in told] == [(300, 200)] * 5
    assert max(read for _, read in told) <= max(64, step)


def test_the_size_of_a_jpeg_stands_behind_its_metadata(other_pictures: SimpleNamespace):
    size, read = fed(JPEG, other_pictures.jpeg(300, 200, 2), 1000)
    assert (size, read) == ((300, 200), 101_000)


def test_the_size_is_given_up_where_it_stands_too_far_back(other_pictures: SimpleNamespace):
    data = other_pictures.jpeg(300, 200, 7)
    assert len(data) > LONGEST_PREFIX + 50_000
    assert fed(JPEG, data, 1000) == (None, len(data))


@pytest.mark.parametrize("form", FORMATS, ids=[form.name for form in FORMATS])
def test_what_is_no_picture_has_no_size_and_breaks_nothing(form: Format):
    assert fed(form, b"\xff" * 1000, 10)[0] is None


@pytest.fixture
def promised(tmp_path: Path) -> Iterator[Callable[[str, int], PresignedBody]]:
    """`promised("image/png", 1000)`: what arrives in place of a PNG of 1000 bytes."""
    with arriving(tmp_path) as body:
        yield lambda kind, size: PresignedBody(body, Permit("PUT", "key", 0, kind, size), (100, 2048))


@pytest.mark.parametrize(
    ("width", "announced", "wrong"),
    [
        pytest.param(3000, "image/png", "wrong_dimensions", id="dimensions"),
        pytest.param(300, "image/webp", "unsupported_format", id="type"),
    ],
)
def test_a_wrong_file_is_refused_in_its_first_64_bytes(
    promised: Callable[[str, int], PresignedBody], picture: Picture, width: int, announced: str, wrong: str
):
    image = picture(width, 200, size=1_000_000)
    file = promised(announced, len(image))
    with pytest.raises(ApiError) as refused:
        file.write(image[:64])
    assert (refused.value.code, file.size) == (wrong, 64)


def test_the_first_byte_too_many_is_refused_and_not_written(
    promised: Callable[[str, int], PresignedBody], picture: Picture
):
    image = picture(size=1000)
    file = promised("image/png", 999)
    with pytest.raises(NotAsSigned, match="more bytes"):
        file.write(image)
    assert file.path.stat().st_size == 0


def test_where_the_size_was_not_known_early_the_end_tells(
    promised: Callable[[str, int], PresignedBody], other_pictures: SimpleNamespace
):
    image = other_pictures.jpeg(3000, 200, 7)
    file = promised("image/jpeg", len(image))
    for start in range(0, len(image), 10_000):
        file.write(image[start : start + 10_000])
    with pytest.raises(NotAsSigned, match="3000x200"):
        file.examine()
