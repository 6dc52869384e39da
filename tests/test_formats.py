import mmap
import struct
import threading
from collections.abc import Callable
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from img402_mcp.formats import (
    FORMATS,
    GIF,
    JPEG,
    PNG,
    WEBP,
    Buffer,
    Format,
    NotAnImage,
    Picture,
    examine,
    pieces,
    sniff,
)
from tests.fakes.fixtures import Sample

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
    assert {path.name for path in (Path(__file__).parent / "samples").iterdir()} == set(SAMPLES)


@each_sample
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_a_whole_image_is_known_from_its_bytes(
    sample: Sample, name: str, expected: Format, kind: Callable[[bytes], Buffer]
):
    data = sample(name)
    assert examine(kind(data)) == Picture(expected, 48, 32, len(data))


@each_sample
def test_a_whole_image_is_known_from_a_mapped_file(name: str, expected: Format):
    path = Path(__file__).parent / "samples" / name
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert examine(mapped) == Picture(expected, 48, 32, path.stat().st_size)


@each_sample
def test_the_first_twelve_bytes_tell_the_format(sample: Sample, name: str, expected: Format):
    assert sniff(sample(name)[:12]) == expected


@each_sample
def test_an_image_cut_anywhere_is_refused(sample: Sample, name: str, expected: Format):
    data = sample(name)
    clauses = {said(data[:length]) for length in range(len(data))}
    assert clauses == {
        "is empty",
        "does not begin like a PNG, JPEG, GIF or WebP",
        f"is a {expected.name} that is cut off, or still being written",
    }


@each_sample
@pytest.mark.parametrize("trailing", [b"\0", b"PK\x03\x04secret", b"\xff\xd9", b"\x3b", b"IEND"])
def test_the_end_is_found_whatever_follows(sample: Sample, name: str, expected: Format, trailing: bytes):
    data = sample(name)
    assert examine(data + trailing) == Picture(expected, 48, 32, len(data))


@each_sample
def test_of_two_images_in_a_row_the_first_ends_where_it_ends(sample: Sample, name: str, expected: Format):
    data = sample(name)
    assert examine(data + data).end == len(data)


@pytest.mark.parametrize(
    ("data", "clause"),
    [
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(b"\0" * 100, "does not begin like a PNG, JPEG, GIF or WebP", id="zeros"),
        pytest.param(b"-----BEGIN PRIVATE KEY-----", "does not begin like a PNG, JPEG, GIF or WebP", id="key"),
        pytest.param(b"%PDF-1.7", "is a PDF", id="pdf"),
        pytest.param(b"PK\x03\x04", "is a zip archive (or an Office document)", id="zip"),
        pytest.param(b"\0\0\0\x18ftypheic", "is a HEIC photo; save it as JPEG or PNG first", id="heic"),
        pytest.param(b"\0\0\0\x1cftypavif", "is an AVIF image; save it as WebP or PNG first", id="avif"),
        pytest.param(b"\0\0\0\x20ftypisom", "is a video", id="mp4"),
        pytest.param(b"\x1aE\xdf\xa3", "is a video", id="webm"),
        pytest.param(b"BM\x36\x10\0\0\0\0\0\0\x36", "is a BMP image; save it as PNG first", id="bmp"),
        pytest.param(b"BMW is a car", "does not begin like a PNG, JPEG, GIF or WebP", id="text-that-begins-like-bmp"),
        pytest.param(b"II*\0", "is a TIFF image; save it as PNG first", id="tiff-little-endian"),
        pytest.param(b"MM\0*", "is a TIFF image; save it as PNG first", id="tiff-big-endian"),
        pytest.param(b"<svg xmlns=''>", "is an SVG; render it to PNG first", id="svg"),
        pytest.param(b"\xef\xbb\xbf <?xml version='1.0'?>\n<SVG>", "is an SVG; render it to PNG first", id="svg-xml"),
        pytest.param(b"\n<!doctype html>", "is an HTML page", id="html"),
        pytest.param(b"RIFF\0\0\0\0WAVE", "does not begin like a PNG, JPEG, GIF or WebP", id="wav"),
        pytest.param(b"GIF88a", "does not begin like a PNG, JPEG, GIF or WebP", id="gif-of-another-year"),
        pytest.param(b"\x89PNG\n\x1a\n", "does not begin like a PNG, JPEG, GIF or WebP", id="png-sent-as-text"),
    ],
)
def test_a_lookalike_is_named(data: bytes, clause: str):
    assert said(data) == clause


def chunk(kind: bytes, data: bytes = b"", length: int | None = None) -> bytes:
    return struct.pack(">I4s", len(data) if length is None else length, kind) + data + b"\0" * 4


def png(*chunks: bytes) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def header(width: int = 48, height: int = 32) -> bytes:
    return chunk(b"IHDR", struct.pack(">II5x", width, height))


def segment(marker: int, data: bytes = b"", length: int | None = None) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2 if length is None else length) + data


def jpeg(*segments: bytes) -> bytes:
    return b"\xff\xd8" + b"".join(segments)


def frame(width: int = 48, height: int = 32) -> bytes:
    return segment(0xC0, struct.pack(">BHHB", 8, height, width, 0))


def gif(*blocks: bytes, flags: int = 0, width: int = 48) -> bytes:
    return b"GIF89a" + struct.pack("<HHBxx", width, 32, flags) + b"".join(blocks)


GIF_IMAGE = b"\x2c" + b"\0" * 9 + b"\x02" + b"\x01\x00" + b"\0"


def riff(*chunks: bytes, length: int | None = None) -> bytes:
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body) if length is None else length) + body


def part(kind: bytes, data: bytes = b"", length: int | None = None) -> bytes:
    return kind + struct.pack("<I", len(data) if length is None else length) + data + b"\0" * (len(data) % 2)


VP8 = b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 48, 32)
SCAN = segment(0xDA) + b"\x01\x02"
END = b"\xff\xd9"


@pytest.mark.parametrize(
    ("data", "picture"),
    [
        pytest.param(png(header(), chunk(b"IDAT"), chunk(b"IEND")), Picture(PNG, 48, 32, 57), id="least-png"),
        pytest.param(jpeg(frame(), SCAN, END), Picture(JPEG, 48, 32, 20), id="least-jpeg"),
        pytest.param(jpeg(frame(), SCAN, b"\xff\x00\xff\xff", END), Picture(JPEG, 48, 32, 24), id="scan-fill"),
        pytest.param(jpeg(frame(), SCAN, b"\xff\xd0\x01\x02", END), Picture(JPEG, 48, 32, 24), id="scan-restart"),
        pytest.param(jpeg(frame(), SCAN, b"\xff\xff\0\x01", END), Picture(JPEG, 48, 32, 24), id="scan-fill-zero"),
        pytest.param(jpeg(b"\xff\xff", frame(), SCAN, END), Picture(JPEG, 48, 32, 22), id="fill-before-a-segment"),
        pytest.param(jpeg(segment(0xE1, END), frame(), SCAN, END), Picture(JPEG, 48, 32, 26), id="end-in-a-segment"),
        pytest.param(gif(GIF_IMAGE, b"\x3b"), Picture(GIF, 48, 32, 28), id="least-gif"),
        pytest.param(gif(b"\0" * 6, GIF_IMAGE, b";", flags=0x80), Picture(GIF, 48, 32, 34), id="gif-colour-table"),
        pytest.param(gif(b"\x21\xfe\x01;\0", GIF_IMAGE, b";"), Picture(GIF, 48, 32, 33), id="end-in-a-gif-comment"),
        pytest.param(riff(part(b"VP8 ", VP8)), Picture(WEBP, 48, 32, 30), id="least-webp"),
        pytest.param(riff(part(b"VP8 ", VP8 + b"\0")), Picture(WEBP, 48, 32, 32), id="webp-padding"),
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
            "is a PNG that is cut off, or still being written",
            id="png-endless-chunk",
        ),
        pytest.param(png(header(0, 32), chunk(b"IDAT"), chunk(b"IEND")), "is a PNG of 0x32 pixels", id="png-no-width"),
        pytest.param(jpeg(frame(48, 0), SCAN, END), "is a JPEG of 48x0 pixels", id="jpeg-without-height"),
        pytest.param(jpeg(SCAN, END), "is a JPEG of 0x0 pixels", id="jpeg-without-frame"),
        pytest.param(jpeg(frame(), END), "is a JPEG without pixels", id="jpeg-without-scan"),
        pytest.param(jpeg(frame(), b"\0\0"), "is a JPEG with a broken segment", id="jpeg-no-marker"),
        pytest.param(jpeg(segment(0xE0, length=1)), "is a JPEG with a broken segment", id="jpeg-length-one"),
        pytest.param(jpeg(segment(0xE0, length=0)), "is a JPEG with a broken segment", id="jpeg-length-none"),
        pytest.param(
            jpeg(frame(), segment(0xDA, length=0), END), "is a JPEG with a broken segment", id="jpeg-scan-length-none"
        ),
        pytest.param(jpeg(segment(0xD8)), "is a JPEG with a broken segment", id="jpeg-begins-twice"),
        pytest.param(jpeg(segment(0x02)), "is a JPEG with a broken segment", id="jpeg-reserved-marker"),
        pytest.param(
            jpeg(segment(0xE0, length=65535)),
            "is a JPEG that is cut off, or still being written",
            id="jpeg-endless-segment",
        ),
        pytest.param(jpeg(b"\xff" * 1000), "is a JPEG that is cut off, or still being written", id="jpeg-all-fill"),
        pytest.param(gif(b";"), "is a GIF without pixels", id="gif-without-pixels"),
        pytest.param(gif(b"\0"), "is a GIF with a broken block", id="gif-unknown-block"),
        pytest.param(gif(GIF_IMAGE, b";", width=0), "is a GIF of 0x32 pixels", id="gif-without-width"),
        pytest.param(
            gif(b"\x21\xfe\xff"), "is a GIF that is cut off, or still being written", id="gif-endless-comment"
        ),
        pytest.param(
            gif(GIF_IMAGE, b";", flags=0x87), "is a GIF that is cut off, or still being written", id="gif-long-table"
        ),
        pytest.param(riff(), "is a WebP with broken chunks", id="webp-without-chunks"),
        pytest.param(riff(part(b"EXIF", b"ab")), "is a WebP with broken chunks", id="webp-without-pixels"),
        pytest.param(riff(part(b"VP8X", b"\0" * 10)), "is a WebP with broken chunks", id="webp-only-announced"),
        pytest.param(
            riff(part(b"VP8 ", VP8, length=12)), "is a WebP with broken chunks", id="webp-chunk-beyond-the-end"
        ),
        pytest.param(
            riff(part(b"VP8 ", VP8, length=2**32 - 1)), "is a WebP with broken chunks", id="webp-endless-chunk"
        ),
        pytest.param(
            riff(part(b"VP8 ", VP8), length=2**32 - 1),
            "is a WebP that is cut off, or still being written",
            id="webp-endless",
        ),
        pytest.param(riff(part(b"VP8 ", b"\0" * 10)), "is a WebP with a broken frame", id="webp-lossy-frame"),
        pytest.param(riff(part(b"VP8L", b"\0" * 10)), "is a WebP with a broken frame", id="webp-lossless-frame"),
        pytest.param(riff(part(b"VP8 ", VP8[:6] + b"\0" * 4)), "is a WebP of 0x0 pixels", id="webp-without-size"),
    ],
)
def test_a_broken_structure_is_refused_with_what_is_broken(data: bytes, clause: str):
    assert said(data) == clause


LONG_PIXELS = b"\x01" * 5000
FULL_BLOCKS = b"\xff" + b"\x01" * 255
GIF_START = b"\x2c" + b"\0" * 9 + b"\x02"


@pytest.mark.parametrize(
    ("data", "start", "length"),
    [
        pytest.param(png(header(), chunk(b"IDAT", LONG_PIXELS) * 2, chunk(b"IEND")), 33, 2 * 5012, id="png"),
        pytest.param(jpeg(frame(), SCAN, LONG_PIXELS, END), 12, 5006, id="jpeg"),
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
    assert said(data[:-2]) == "is a GIF that is cut off, or still being written"


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
    fuzz = settings(max_examples=150, deadline=None, database=None)(given(mutated(sample(name)))(check))
    ends(fuzz)


def test_an_invented_image_is_refused_or_whole_and_never_anything_else():
    fuzz = settings(max_examples=500, deadline=None, database=None)(given(invented())(check))
    ends(fuzz)


def test_extensions_and_media_types_are_told_apart():
    assert len(set(chain.from_iterable((each.name, each.extension, each.media_type) for each in FORMATS))) == 12
