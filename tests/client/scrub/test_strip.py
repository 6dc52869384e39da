import runpy
import struct
import warnings
from collections.abc import Callable
from io import BytesIO
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps, ImageSequence

from img402_mcp.client.scrub.exif import content_of
from img402_mcp.client.scrub.segments import NotClean
from img402_mcp.client.scrub.strip import Scrubbed, scrubbed
from img402_mcp.formats import NotAnImage, examine
from img402_mcp.formats.base import GIF
from tests.fakes.growth import is_linear, peak_of

BUILT = runpy.run_path(str(Path(__file__).with_name("scrub_variants.py")))
VARIANTS, SECRET, BOGUS = BUILT["VARIANTS"], BUILT["SECRET"], BUILT["BOGUS"]
chunk, segment, part, riff, announced, inserted = (
    BUILT[name] for name in ("chunk", "segment", "part", "riff", "announced", "inserted")
)
PLAIN = {kind: BUILT["encoded"](kind) for kind in ("PNG", "JPEG", "WEBP", "GIF")}
SAMPLES = sorted(path.name for path in (Path(__file__).parents[2] / "samples").iterdir())
UNREADABLE = {  # by Pillow, which fails on chunks that decoders should skip
    "jpeg-mpf-bogus",
    "png-bomb",
    "png-fdAT-10",
    "png-animated-too-late",
}

each_variant = pytest.mark.parametrize("variant", VARIANTS, ids=[each.name for each in VARIANTS])
fuzzing = settings(max_examples=150)


def scrub(data: bytes) -> Scrubbed:
    return scrubbed(data, examine(data))


def seen(data: bytes, *, turned: bool) -> tuple[Any, ...]:
    """What a viewer shows: pixels, durations, loops, profile; `turned`: rotated as the orientation says."""
    with warnings.catch_warnings(action="ignore"), Image.open(BytesIO(data)) as image:  # bogus EXIF makes it warn
        frames = [image] if image.format == "MPO" else ImageSequence.Iterator(image)
        shown = []
        for frame in frames:
            upright = ImageOps.exif_transpose(frame) if turned else frame
            rgba = upright.convert("RGBA") if upright.mode != "I;16" else upright
            shown.append((upright.mode, upright.size, rgba.tobytes(), frame.info.get("duration")))
        return shown, image.info.get("loop"), image.info.get("icc_profile"), image.info.get("gamma")


@each_variant
def test_only_the_picture_is_left(variant: Any):
    result = scrub(variant.data)
    assert result == Scrubbed(variant.clean, examine(variant.clean), variant.removed)
    assert SECRET not in result.data


@each_variant
def test_scrubbing_twice_changes_nothing_more(variant: Any):
    once = scrub(variant.data)
    again = scrubbed(once.data, once.picture)
    assert again == Scrubbed(once.data, once.picture, ())
    assert again.data is once.data


@pytest.mark.parametrize(
    "variant", [each for each in VARIANTS if each.name not in UNREADABLE], ids=lambda each: each.name
)
def test_a_viewer_sees_the_same(variant: Any):
    assert seen(scrub(variant.data).data, turned=True) == seen(variant.data, turned=True)


@pytest.mark.parametrize("name", [name for name in SAMPLES if name not in ("exif.jpg", "extended.webp")])
def test_a_clean_image_is_returned_unchanged(sample: Callable[[str], bytes], name: str):
    data = sample(name)
    result = scrub(data)
    assert result.data is data
    assert result.removed == ()


@pytest.mark.parametrize(
    ("name", "removed"), [("exif.jpg", ("camera model", "comment")), ("extended.webp", ("camera model",))]
)
def test_a_samples_metadata_is_removed(sample: Callable[[str], bytes], name: str, removed: tuple[str, ...]):
    data = sample(name)
    result = scrub(data)
    assert result.removed == removed
    assert seen(result.data, turned=True) == seen(data, turned=True)


# What cannot be scrubbed is refused

MOVING = BUILT["animated"]("WEBP")
PALETTED = BUILT["encoded"]("PNG", "P")


@pytest.mark.parametrize(
    ("data", "clause"),
    [
        pytest.param(
            inserted(PLAIN["PNG"], b"IDAT", chunk(b"CgBI", SECRET)),
            "is a PNG with a critical chunk that PNG does not know",
            id="png-critical-chunk",
        ),
        pytest.param(
            inserted(PALETTED, b"PLTE", chunk(b"PLTE", bytes(3))),
            "is a PNG with a chunk that is repeated, out of place or of the wrong length",
            id="png-palette-twice",
        ),
        pytest.param(
            inserted(PALETTED, b"IDAT", chunk(b"tRNS", SECRET * 9)),
            "is a PNG with a chunk that is repeated, out of place or of the wrong length",
            id="png-more-transparency-than-colours",
        ),
        pytest.param(
            inserted(PALETTED, b"PLTE", chunk(b"tRNS", b"\0")),
            "is a PNG with a chunk that is repeated, out of place or of the wrong length",
            id="png-transparency-before-the-colours",
        ),
        pytest.param(
            inserted(PLAIN["PNG"], b"IDAT", chunk(b"tRNS", SECRET * 2)),
            "is a PNG with a chunk that is repeated, out of place or of the wrong length",
            id="png-long-transparent-colour",
        ),
        pytest.param(
            inserted(PALETTED, b"IEND", chunk(b"tRNS", b"\0")),
            "is a PNG with a chunk that is repeated, out of place or of the wrong length",
            id="png-transparency-behind-the-pixels",
        ),
        pytest.param(
            inserted(PLAIN["PNG"], b"IDAT", chunk(b"tRNS", bytes(6)) * 2),
            "is a PNG with a chunk that is repeated, out of place or of the wrong length",
            id="png-transparent-twice",
        ),
        pytest.param(
            inserted(PLAIN["PNG"], b"IDAT", chunk(b"acTL", bytes(9))),
            "is a PNG with a chunk that is repeated, out of place or of the wrong length",
            id="png-long-announcement",
        ),
        pytest.param(
            inserted(PLAIN["PNG"], b"IDAT", chunk(b"acTL", b"\0\0\0\1" * 2) + chunk(b"fcTL", bytes(27))),
            "is a PNG with a frame of the wrong length",
            id="png-long-frame",
        ),
        pytest.param(
            riff(part(b"VP8X", bytes(4) + b"\x2f\0\0\x1f\0\0" + SECRET), PLAIN["WEBP"][12:]),
            "is a WebP with a header of the wrong length",
            id="webp-long-header",
        ),
        pytest.param(
            riff(MOVING[12:30], part(b"ANIM", bytes(6) + SECRET), MOVING[44:]),
            "is a WebP with a header of the wrong length",
            id="webp-long-animation",
        ),
    ],
)
def test_what_cannot_be_scrubbed_is_refused(data: bytes, clause: str):
    with pytest.raises(NotClean) as caught:
        scrub(data)
    assert str(caught.value) == clause


@pytest.mark.parametrize("kind", PLAIN)
def test_a_picture_of_other_bytes_is_refused(kind: str):
    picture = examine(PLAIN[kind])
    with pytest.raises(NotClean, match="whose structure is broken"):
        scrubbed(PLAIN[kind][:20], picture)


# EXIF


@pytest.mark.parametrize("content", BOGUS.values(), ids=BOGUS)
def test_invalid_exif_has_no_orientation(content: bytes):
    assert content_of(content) == (("EXIF",), b"")


@given(st.binary(max_size=300), st.sampled_from([b"", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08"]))
@fuzzing
def test_any_exif_is_read_without_harm(content: bytes, head: bytes):
    kinds, turning = content_of(head + content)
    assert kinds
    assert content_of(turning) == (("EXIF",), turning)


# Hostile bytes


def edited(data: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    for offset, removed, added in edits:
        at = offset % (len(data) + 1)
        data = data[:at] + added + data[at + removed :]
    return data


EDITS = st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 8), st.binary(max_size=8)), max_size=4)
TIFF = BUILT["tiff"]
GIF_FRAME = b",\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0"
WORDS = {
    "PNG": [
        *(chunk(b"tEXt", SECRET), chunk(b"gAMA", bytes(4)), chunk(b"eXIf", TIFF("<", 3)), chunk(b"IDAT", b"")),
        *(chunk(b"acTL", b"\0\0\0\1" * 2), chunk(b"tRNS", bytes(6)), chunk(b"fdAT", SECRET), chunk(b"PLTE", bytes(6))),
    ],
    "JPEG": [
        *(segment(0xFE, SECRET), BUILT["exif_segment"](TIFF(">", 8)), BUILT["JFIF"], BUILT["MPF"], BUILT["XMP"]),
        *(b"\xff", b"\xff\xd0", segment(0xEE, b"Adobe" + bytes(7)), segment(0xDD, b"\0\1"), BUILT["icc_segments"](2)),
        *(
            segment(0xDB, b"\0" + bytes(range(1, 65))),
            segment(0xC4, bytes((0, 1, *[0] * 15, 5))),
            segment(0xDC, b"\0\1"),
        ),
    ],
    "WEBP": [
        *(part(b"VP8X", bytes(10)), part(b"EXIF", TIFF()), part(b"odd ", b"!"), PLAIN["WEBP"][12:]),
        *(part(b"ALPH", b"\0"), part(b"ANMF", bytes(16)), part(b"ANIM", bytes(6)), part(b"ICCP", BUILT["ICC"])),
    ],
    "GIF": [
        *(b"!\xfe\x01x\0", b"!\xf9\x04\x09\x01\0\0\0", b"!\xff\x0bNETSCAPE2.0\x03\x01\x02\0\0", b"!\x01\0"),
        *(GIF_FRAME, b"!\xf9\0", b"!\xff\x0bICCRGBG1012\x01x\0"),
    ],
}
"""What is put between the pieces of a picture."""


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    kind = draw(st.sampled_from(sorted(WORDS)))
    data = PLAIN[kind]
    added = draw(st.lists(st.tuples(st.integers(0, 50), st.sampled_from(WORDS[kind])), max_size=8))
    for place, word in added:
        pieces = BUILT["parts"](PLAIN[kind])
        at = pieces[place % len(pieces)].start
        data = data[:at] + word + data[at:]
    return data if kind != "WEBP" else data[:4] + struct.pack("<I", len(data) - 8) + data[8:]


def gif_frames(data: bytes) -> set[bytes]:
    return {data[start:end] for kind, start, end in BUILT["parts"](data) if kind == b","}


WHOLE_FRAMES = {GIF_FRAME}.union(*(gif_frames(each.clean) for each in VARIANTS if each.name.startswith("gif")))


def can_be_compared(data: bytes) -> bool:
    """Pillow draws what follows a GIF's broken frame, and is slow with large pictures."""
    picture = examine(data)
    return picture.width * picture.height < 100_000 and (picture.format != GIF or gif_frames(data) <= WHOLE_FRAMES)


def check(data: bytes) -> None:
    """The image is refused, or the result looks the same and has nothing left to remove."""
    try:
        result = scrub(data)
    except (NotAnImage, NotClean):
        return
    assert examine(result.data) == result.picture
    assert result.picture.end == len(result.data)
    assert scrub(result.data).data is result.data
    if not can_be_compared(data):
        return
    try:
        before = seen(data, turned=False)
    except Exception:  # noqa: BLE001  what Pillow cannot show has no pixels to compare
        return
    assert seen(result.data, turned=False)[0] == before[0]


@given(st.sampled_from(VARIANTS).map(lambda each: each.data), EDITS)
@fuzzing
def test_a_damaged_image_is_refused_or_shows_the_same(data: bytes, edits: list[tuple[int, int, bytes]]):
    check(edited(data, edits))


@given(streams(), EDITS.map(lambda edits: edits[:1]))
@fuzzing
def test_an_invented_image_is_refused_or_shows_the_same(data: bytes, edits: list[tuple[int, int, bytes]]):
    check(data)
    check(edited(data, edits))


def exif_of(pointers: int) -> bytes:
    """A directory with so many entries that point to itself."""
    pointer = struct.pack("<HHII", 0x8769, 4, 1, 8)
    return segment(0xE1, b"Exif\0\0II*\0" + struct.pack("<IH", 8, pointers) + pointer * pointers + bytes(4))


def test_exif_that_points_at_itself_is_read_once():
    """Of 150 blocks, each a directory with pointers to itself, one is read, and only once."""

    def scrubbed(pointers: int) -> None:
        data = PLAIN["JPEG"]
        assert scrub(data[:2] + exif_of(pointers) * 150 + data[2:]) == Scrubbed(data, examine(data), ("EXIF",))

    assert is_linear(scrubbed, 1000)


MANY = 4000


@pytest.mark.parametrize(
    ("kind", "before", "words"),
    [
        pytest.param("PNG", b"IDAT", (chunk(b"tEXt", b""), chunk(b"tEXt", b"a")), id="png"),
        pytest.param("JPEG", b"\xda", (segment(0xFE, b""), segment(0xDD, b"\0\0")), id="jpeg"),
        pytest.param("JPEG", b"\xda", (b"\xff" * 9, segment(0xDA, b"\1\1\0\0\x3f\0")), id="jpeg-scans"),
        pytest.param("GIF", b",", (b"!\xfe\0", b",\0\0\0\0\x01\0\x01\0\0\x02\0"), id="gif"),
    ],
)
def test_many_pieces_need_only_a_small_multiple_of_their_size_in_memory(
    kind: str, before: bytes, words: tuple[bytes, ...]
):
    data = inserted(PLAIN[kind], before, b"".join(islice(cycle(words), MANY)))
    assert scrub(data).removed
    assert peak_of(lambda: scrub(data)) < 3 * len(data) + 100_000
