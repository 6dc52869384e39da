import mmap
import threading
from collections.abc import Callable
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from img402_mcp.formats import FORMATS, JPEG, PNG, WEBP, Buffer, Format, NotAnImage, Picture, examine, sniff
from img402_mcp.formats.base import GIF, CutOff
from img402_mcp.formats.walk import pieces
from tests.fakes.fixtures import Sample
from tests.fakes.structures import (
    END,
    GIF_IMAGE,
    GIF_START,
    SCAN,
    VP8,
    chunk,
    frame,
    gif,
    header,
    jpeg,
    part,
    png,
    riff,
)

SAMPLES = {
    "plain.png": PNG,
    "palette.png": PNG,
    "animated.png": PNG,
    "baseline.jpg": JPEG,
    "progressive.jpg": JPEG,
    "cmyk.jpg": JPEG,
    "exif.jpg": JPEG,
    "still.gif": GIF,
    "animated.gif": GIF,
    "lossy.webp": WEBP,
    "lossless.webp": WEBP,
    "extended.webp": WEBP,
    "animated.webp": WEBP,
}
each_sample = pytest.mark.parametrize(("name", "expected"), SAMPLES.items(), ids=SAMPLES)


def said(data: Buffer) -> str:
    with pytest.raises(NotAnImage) as caught:
        examine(data)
    return str(caught.value)


def test_every_sample_is_in_the_table():
    assert {path.name for path in (Path(__file__).parents[1] / "samples").iterdir()} == set(SAMPLES)


@each_sample
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_a_whole_image_is_known_from_its_bytes(
    sample: Sample, name: str, expected: Format, kind: Callable[[bytes], Buffer]
):
    data = sample(name)
    assert examine(kind(data)) == Picture(expected, 48, 32, len(data))


@each_sample
def test_a_whole_image_is_known_from_a_mapped_file(name: str, expected: Format):
    path = Path(__file__).parents[1] / "samples" / name
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert examine(mapped) == Picture(expected, 48, 32, path.stat().st_size)


@each_sample
def test_the_first_twelve_bytes_tell_the_format(sample: Sample, name: str, expected: Format):
    assert sniff(sample(name)[:12]) == expected


@each_sample
def test_an_image_cut_anywhere_is_refused(sample: Sample, name: str, expected: Format):
    data = sample(name)
    clauses = {said(data[:length]) for length in range(16, len(data))}
    assert clauses == {str(CutOff(expected.name))}


@each_sample
def test_an_image_cut_in_its_first_bytes_is_refused_with_a_reason(sample: Sample, name: str, expected: Format):
    assert all(said(sample(name)[:length]) for length in range(16))


@each_sample
@pytest.mark.parametrize("trailing", [b"\0", b"PK\x03\x04secret", b"\xff\xd9", b"\x3b", b"IEND"])
def test_the_end_is_found_whatever_follows(sample: Sample, name: str, expected: Format, trailing: bytes):
    data = sample(name)
    assert examine(data + trailing) == Picture(expected, 48, 32, len(data))


@each_sample
def test_of_two_images_in_a_row_the_first_ends_where_it_ends(sample: Sample, name: str, expected: Format):
    data = sample(name)
    assert examine(data + data).end == len(data)


LONG_PIXELS = b"\x01" * 5000
FULL_BLOCKS = b"\xff" + b"\x01" * 255


@pytest.mark.parametrize(
    ("data", "start", "length"),
    [
        pytest.param(png(header(), chunk(b"IDAT", LONG_PIXELS) * 2, chunk(b"IEND")), 33, 2 * 5012, id="png"),
        pytest.param(jpeg(frame(), SCAN, LONG_PIXELS, END), 15, 5012, id="jpeg"),
        pytest.param(gif(GIF_START, FULL_BLOCKS * 20, b"\0", b";"), 13, 11 + 20 * 256 + 1, id="gif"),
    ],
)
def test_a_second_walk_leaps_over_the_long_runs_that_the_first_one_found(data: bytes, start: int, length: int):
    runs = examine(data).runs
    assert runs == {start: start + length}
    broken = data[: start + 20] + b"\xff\xe1" * 2000 + data[start + 4020 :]
    assert examine(broken, runs) == examine(data)


def test_short_runs_are_not_kept(sample: Sample):
    assert not any(examine(sample(name)).runs for name in SAMPLES)


@pytest.mark.parametrize("full", [0, 1, 63, 64, 65, 66, 128, 129, 130, 200])
def test_a_gif_of_many_full_blocks_is_walked_block_by_block(full: int):
    data = gif(GIF_START, FULL_BLOCKS * full, b"\x02ab", FULL_BLOCKS * full, b"\0", b";")
    assert examine(data + b"\xff" * 70_000).end == len(data)
    assert said(data[:-2]) == str(CutOff("GIF"))


@pytest.mark.parametrize(
    ("data", "kinds"),
    [
        pytest.param(png(header(), chunk(b"IDAT") * 2, chunk(b"IEND")), [b"IHDR", b"IDAT", b"IEND"], id="png"),
        pytest.param(jpeg(b"\xff\xff", frame(), SCAN, END), [b"\xc0", b"\xda", b"\xd9"], id="jpeg"),
        pytest.param(gif(b"\x21\xfe\x01;\0", GIF_IMAGE, b";"), [b"!\xfe", b",", b";"], id="gif"),
        pytest.param(riff(part(b"VP8 ", VP8), part(b"EXIF")), [b"VP8 ", b"EXIF"], id="webp"),
    ],
)
def test_an_image_is_walked_piece_by_piece_to_its_end(data: bytes, kinds: list[bytes]):
    walked = [*pieces(data, examine(data).format, {})]
    assert [piece.kind for piece in walked] == kinds
    assert walked[-1].end == len(data)


def mutated(data: bytes) -> st.SearchStrategy[bytes]:
    """One to four edits: at an offset some bytes are replaced by others."""
    edit = st.tuples(st.integers(0, len(data)), st.integers(0, 8), st.binary(max_size=8))

    def edited(edits: list[tuple[int, int, bytes]]) -> bytes:
        changed = data
        for offset, removed, added in edits:
            changed = changed[:offset] + added + changed[offset + removed :]
        return changed

    return st.lists(edit, min_size=1, max_size=4).map(edited)


def invented() -> st.SearchStrategy[bytes]:
    """Magic bytes, then anything, made of what the formats are made of."""
    heads = [png(header()), jpeg(frame()), gif(), riff(part(b"VP8 ", VP8), length=400), jpeg(), png()]
    words = [b"IDAT", b"IEND", b"\0\0\0\0", b"\xff", END, SCAN, b"\x2c", b"\x21\xfe", b";", b"VP8X", b"ANMF", b"\x7f"]
    bodies = st.lists(st.one_of(st.sampled_from(words), st.binary(max_size=6)), max_size=40)
    return st.builds(lambda head, body: head + b"".join(body), st.sampled_from(heads), bodies)


def check(data: bytes) -> None:
    """Either it is refused, or it ends within the bytes and is the same image when cut there."""
    try:
        picture = examine(data)
    except NotAnImage:
        return
    assert picture.format in FORMATS
    assert picture.end <= len(data)
    assert min(picture.width, picture.height) > 0
    assert examine(data[: picture.end]) == picture


def ends(fuzz: Callable[[], None]) -> None:
    """In a thread that may be left behind, so that a walk which does not move on is a failure and no hang."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            fuzz()
        except BaseException as error:  # noqa: BLE001  it is raised again below
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(timeout=20)
    assert not thread.is_alive()
    for error in errors:
        raise error


@pytest.mark.parametrize("name", SAMPLES)
def test_a_damaged_image_is_refused_or_whole_and_never_anything_else(sample: Sample, name: str):
    fuzz = settings(max_examples=150)(given(mutated(sample(name)))(check))
    ends(fuzz)


def test_an_invented_image_is_refused_or_whole_and_never_anything_else():
    fuzz = settings(max_examples=500)(given(invented())(check))
    ends(fuzz)


def test_extensions_and_media_types_are_told_apart():
    assert len(set(chain.from_iterable((each.name, each.extension, each.media_type) for each in FORMATS))) == 12
