"""Colour profiles: what is one is kept bit by bit, and what only calls itself one, or follows one, goes."""

import runpy
import tracemalloc
import zlib
from io import BytesIO
from pathlib import Path
from random import Random

import pytest
from PIL import Image

from img402_mcp.client.scrub.strip import Scrubbed, scrubbed
from img402_mcp.formats import examine

BUILT = runpy.run_path(str(Path(__file__).with_name("scrub_variants.py")))
SECRET = BUILT["SECRET"]
chunk, segment, inserted = (BUILT[name] for name in ("chunk", "segment", "inserted"))
PLAIN = {kind: BUILT["encoded"](kind) for kind in ("PNG", "JPEG", "WEBP", "GIF")}
ICC, BROKEN, SURPLUS = BUILT["ICC"], "broken colour profile", "data after the colour profile"
WIDE = BUILT["WIDE"]
RANDOM = Random(7).randbytes


def scrub(data: bytes) -> Scrubbed:
    return scrubbed(data, examine(data))


def pixels(data: bytes) -> bytes:
    with Image.open(BytesIO(data)) as image:
        return image.convert("RGBA").tobytes()


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
    assert pixels(result.data) == pixels(PLAIN[kind])
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
