import runpy
import struct
import tracemalloc
import warnings
import zlib
from collections.abc import Callable
from io import BytesIO
from itertools import cycle, islice
from pathlib import Path
from random import Random
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
from tests.fakes.growth import is_linear

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


# Colour profiles

ICC, BROKEN, SURPLUS = BUILT["ICC"], "broken colour profile", "data after the colour profile"
WIDE = BUILT["WIDE"]
RANDOM = Random(7).randbytes


def sized(profile: bytes, size: int) -> bytes:
    return size.to_bytes(4, "big") + profile[4:]


PAYLOADS = [
    pytest.param(SECRET * 200, id="no-profile-at-all"),
    pytest.param(ICC[:36] + b"none" + ICC[40:] + SECRET, id="without-its-mark"),
    pytest.param(sized(ICC, len(ICC) + 1), id="shorter-than-it-says"),
    pytest.param(sized(ICC, 64), id="smaller-than-a-header"),
    pytest.param(b"", id="empty"),
]


@pytest.mark.parametrize("kind", PLAIN)
@pytest.mark.parametrize("profile", PAYLOADS)
def test_what_only_calls_itself_a_profile_goes_and_the_picture_looks_the_same(kind: str, profile: bytes):
    data = BUILT["profiled"](PLAIN[kind], profile)
    result = scrub(data)
    assert result == Scrubbed(result.data, examine(result.data), (BROKEN,))
    assert BUILT["profile_of"](result.data) is None
    assert SECRET not in result.data
    assert seen(result.data, turned=False)[0] == seen(PLAIN[kind], turned=False)[0]
    assert scrub(result.data).data is result.data


def test_a_webps_header_does_not_announce_the_profile_that_went():
    data = BUILT["profiled"](PLAIN["WEBP"], SECRET)
    assert (data[20], scrub(data).data[20]) == (0x20, 0)


@pytest.mark.parametrize("kind", PLAIN)
@pytest.mark.parametrize("profile", [pytest.param(ICC, id="srgb"), pytest.param(WIDE, id="wide-gamut")])
def test_a_profile_stays_to_the_last_byte_and_what_follows_it_goes(kind: str, profile: bytes):
    whole, longer = BUILT["profiled"](PLAIN[kind], profile), BUILT["profiled"](PLAIN[kind], profile + RANDOM(200_000))
    assert scrub(whole).data is whole
    result = scrub(longer)
    assert (result.removed, BUILT["profile_of"](result.data)) == ((SURPLUS,), profile)
    assert len(result.data) < len(whole) + 100
    assert scrub(result.data).data is result.data


def icc_part(number: int, count: int, content: bytes) -> bytes:
    return segment(0xE2, b"ICC_PROFILE\0" + bytes((number, count)) + content)


HALVES = WIDE[:200], WIDE[200:]


@pytest.mark.parametrize(
    ("segments", "removed"),
    [
        pytest.param((icc_part(1, 2, HALVES[0]), icc_part(2, 2, HALVES[1])), (), id="in-two"),
        pytest.param((icc_part(2, 2, HALVES[1]), icc_part(1, 2, HALVES[0])), (), id="in-any-order"),
        pytest.param((icc_part(0, 1, WIDE),), (BROKEN,), id="counted-from-0"),
        pytest.param((icc_part(1, 2, WIDE),), (BROKEN,), id="one-is-missing"),
        pytest.param((icc_part(1, 1, WIDE), icc_part(1, 1, WIDE)), (BROKEN,), id="twice"),
        pytest.param((icc_part(1, 1, WIDE), icc_part(2, 2, SECRET)), (BROKEN,), id="different-counts"),
        pytest.param((icc_part(1, 3, HALVES[0]), icc_part(3, 3, HALVES[1])), (BROKEN,), id="a-gap"),
        pytest.param((segment(0xE2, b"ICC_PROFILE\0" + b"\1"),), (BROKEN,), id="cut-off"),
        pytest.param((icc_part(1, 2, WIDE), icc_part(2, 2, SECRET)), (SURPLUS,), id="a-payload-in-the-last"),
    ],
)
def test_the_segments_of_a_jpegs_profile_are_counted(segments: tuple[bytes, ...], removed: tuple[str, ...]):
    data = inserted(PLAIN["JPEG"], b"\xdb", b"".join(segments))
    result = scrub(data)
    assert result.removed == removed
    assert BUILT["profile_of"](result.data) == (None if BROKEN in removed else WIDE)
    assert SECRET not in result.data


def test_a_jpegs_profile_after_the_first_scan_is_read_by_nobody_and_goes():
    progressive = BUILT["encoded"]("JPEG", progressive=True)
    result = scrub(inserted(progressive, b"\xda", icc_part(1, 1, WIDE), 1))
    assert result == Scrubbed(progressive, examine(progressive), ("application data",))


PACKED = zlib.compress(WIDE)


@pytest.mark.parametrize(
    ("content", "removed"),
    [
        pytest.param(b"Display P3\0\0" + PACKED, (), id="whole"),
        pytest.param(b"Display P3\0\0" + PACKED + SECRET, (SURPLUS,), id="bytes-after-zlib-s-end"),
        pytest.param(b"Display P3\0\0" + zlib.compress(WIDE + SECRET), (SURPLUS,), id="bytes-after-the-profile"),
        pytest.param(b"Display P3\0\0" + PACKED[:-1], (BROKEN,), id="cut-off"),
        pytest.param(b"Display P3\0\0" + PACKED[:-1] + b"!", (BROKEN,), id="a-wrong-checksum"),
        pytest.param(b"Display P3\0\1" + PACKED, (BROKEN,), id="another-method"),
        pytest.param(b"Display P3\0", (BROKEN,), id="only-a-name"),
        pytest.param(b"\0\0" + PACKED, (BROKEN,), id="no-name"),
        pytest.param(SECRET * 14 + b"\0\0" + PACKED, (BROKEN,), id="a-long-name"),
        pytest.param(b"bomb\0\0" + zlib.compress(sized(bytes(9_000_000), 9_000_000)), (BROKEN,), id="a-bomb"),
    ],
)
def test_a_pngs_profile_ends_where_it_says(content: bytes, removed: tuple[str, ...]):
    result = scrub(inserted(PLAIN["PNG"], b"IDAT", chunk(b"iCCP", content)))
    assert result.removed == removed
    assert BUILT["profile_of"](result.data) == (None if BROKEN in removed else WIDE)
    assert SECRET not in result.data


def test_a_profile_that_would_decompress_to_much_is_not_unpacked():
    bomb = chunk(b"iCCP", b"name\0\0" + zlib.compress(sized(ICC, 200_000_000) + bytes(200_000_000)))
    data = inserted(PLAIN["PNG"], b"IDAT", bomb)
    tracemalloc.start()
    try:
        assert scrub(data).removed == (BROKEN,)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20_000_000


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
    tracemalloc.start()
    try:
        assert scrub(data).removed
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3 * len(data) + 100_000
