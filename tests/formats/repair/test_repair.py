import mmap
import struct
import time
import warnings
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageSequence

from img402_mcp.client.fit.messages import Unfit
from img402_mcp.client.fit.worker import whole
from img402_mcp.formats import NotAnImage, Picture, Repaired, examine, repaired
from img402_mcp.formats.base import MAX_PIECES
from img402_mcp.formats.repair import png as png_repair
from img402_mcp.formats.repair.repair import MAX_CODED_BYTES
from img402_mcp.formats.walk import pieces
from tests.fakes.broken_images import (
    APNG,
    BROKEN,
    CUT,
    CUT_IN_THE_SCAN,
    GIF,
    JPEG,
    MOVING_WEBP,
    PNG,
    PROGRESSIVE,
    RESTARTS,
    STILL_GIF,
    WEBP,
    Broken,
    encoded,
    picture,
    put,
    starts,
)
from tests.fakes.structures import chunk, segment

each_broken = pytest.mark.parametrize("broken", BROKEN, ids=[each.name for each in BROKEN])
WHOLE = {
    "gif": GIF,
    "still-gif": STILL_GIF,
    "jpeg": JPEG,
    "progressive": PROGRESSIVE,
    "restarts": RESTARTS,
    "png": PNG,
    "apng": APNG,
    "webp": WEBP,
    "moving-webp": MOVING_WEBP,
}
fuzzing = settings(max_examples=200)


def seen(data: bytes) -> list[tuple[Any, ...]]:
    """For each frame its size, its pixels, and its duration."""
    with warnings.catch_warnings(action="ignore"), Image.open(BytesIO(data)) as image:
        return [
            (frame.size, frame.convert("RGBA").tobytes(), frame.info.get("duration"))
            for frame in ImageSequence.Iterator(image)
        ]


def seen_by_pillow(data: bytes) -> list[tuple[Any, ...]] | None:
    try:
        return seen(data)
    except Exception:  # noqa: BLE001  what Pillow cannot show has no pixels to compare
        return None


def shown(image: Repaired) -> bytes:
    return bytes(image.data[: image.picture.end])


def accepted(data: bytes) -> Repaired | None:
    """The image as the client accepts it; a repaired one is decoded too. None: it is refused, with a reason."""
    try:
        image = repaired(data)
        if image.data is not data:
            whole(image.picture.format.name, shown(image))
    except (NotAnImage, Unfit) as reason:
        return None if str(reason) else image
    except Exception:  # noqa: BLE001  what a decoder says, which is refused as damaged
        return None
    return image


@each_broken
def test_a_broken_image_becomes_the_one_that_viewers_show(broken: Broken):
    image = repaired(broken.data)
    sound = examine(broken.whole)
    assert seen(shown(image)) == seen(broken.whole)
    assert image == Repaired(
        image.data,
        Picture(sound.format, sound.width, sound.height, image.picture.end),
        broken.repairs,
        0,
        image.is_proven,
    )


@pytest.mark.parametrize(
    "broken",
    [each for each in BROKEN if not each.name.startswith("webp") and "no-end" not in each.name],
    ids=lambda each: each.name,
)
def test_pillow_sees_in_the_repaired_image_what_it_sees_in_the_broken_one(broken: Broken):
    before = seen_by_pillow(broken.data)
    assert before in (None, seen(shown(repaired(broken.data))))


@each_broken
def test_a_repaired_image_needs_no_repair(broken: Broken):
    once = shown(repaired(broken.data))
    assert repaired(once) == Repaired(once, examine(once), (), 0)


@each_broken
def test_only_a_jpeg_whose_end_was_missing_may_have_lost_pixels(broken: Broken):
    is_doubtful = broken.name.startswith("jpeg") and "end mark was missing" in broken.repairs
    assert repaired(broken.data).is_proven == (not is_doubtful)


@pytest.mark.parametrize("data", WHOLE.values(), ids=WHOLE)
def test_a_whole_image_is_returned_unchanged(data: bytes):
    image = repaired(data)
    assert image.data is data
    assert image == Repaired(data, examine(data), (), 0)


@pytest.mark.parametrize("data", WHOLE.values(), ids=WHOLE)
def test_what_follows_an_image_and_says_something_stays_behind_it(data: bytes):
    assert repaired(data + b"\0secret") == Repaired(data + b"\0secret", examine(data), (), 7)


@pytest.mark.parametrize(
    ("data", "repairs"),
    [
        pytest.param(GIF[:-1] + b"\r\n--boundary--\r\n", ("end mark was missing",), id="gif"),
        pytest.param(PNG[:-12] + b"this is not a chunk", ("end mark was missing",), id="png"),
        pytest.param(put(WEBP, 4, bytes(4), 4) + b"\1\2\3\4\5\6\7\x08\x09", ("wrong length in its header",), id="webp"),
    ],
)
def test_what_follows_a_broken_image_and_says_something_stays_behind_it(data: bytes, repairs: tuple[str, ...]):
    image = repaired(data)
    assert image.repairs == repairs
    assert image.surplus == len(image.data) - image.picture.end > 8


@pytest.mark.parametrize("data", CUT.values(), ids=CUT)
def test_a_cut_off_image_is_refused_with_that_reason(data: bytes):
    with pytest.raises(NotAnImage, match="cut off, or still being written: .* save it again"):
        repaired(data)


@pytest.mark.parametrize("data", CUT_IN_THE_SCAN.values(), ids=CUT_IN_THE_SCAN)
def test_a_jpeg_that_is_cut_in_its_last_scan_is_found_out_by_decoding(data: bytes):
    image = repaired(data)
    assert not image.is_proven
    with pytest.raises(Unfit, match="cut"):
        whole("JPEG", shown(image))


@pytest.mark.parametrize("name", WHOLE)
def test_an_image_cut_anywhere_is_refused_or_shows_the_same(name: str):
    """All frames: an animation that ends behind one of them may have been meant so, and shows those."""
    data = WHOLE[name]
    frames = seen(data)
    lengths = {*range(max(0, len(data) - 70), len(data)), *range(0, len(data), 23)}
    for length in lengths:
        image = accepted(data[:length])
        found = seen(shown(image)) if image else []
        assert found == frames[: len(found)]


# What is not certain is refused


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(put(STILL_GIF, starts(STILL_GIF, b",")[0] + 5, bytes(4), 4), "a frame that has no size", id="gif"),
        pytest.param(put(JPEG, starts(JPEG, b"\xc0")[0], b"\xff\x02"), "a broken segment", id="jpeg-reserved-mark"),
        pytest.param(JPEG[:2] + JPEG, "a broken segment", id="jpeg-begins-twice"),
        pytest.param(put(JPEG, starts(JPEG, b"\xc0")[0] + 4, b"\x0c", 1), "that viewers do not show", id="jpeg-12-bit"),
        pytest.param(
            put(JPEG, starts(JPEG, b"\xc0")[0] + 1, b"\xc3", 1), "that viewers do not show", id="jpeg-lossless"
        ),
        pytest.param(
            put(JPEG, starts(JPEG, b"\xda")[0], segment(0xDD, b"\0\0more")), "a broken segment", id="jpeg-interval"
        ),
        pytest.param(put(PNG, 29, bytes(4), 4), "whose IHDR chunk is damaged", id="png-header-checksum"),
        pytest.param(PNG[:8] + chunk(b"CgBI", bytes(4)) + PNG[8:], "export it as PNG", id="png-of-an-app"),
        pytest.param(put(PNG, 33, bytes(12)), "cut off", id="png-zeros-before-the-pixels"),
        pytest.param(
            put(MOVING_WEBP, 24, b"\x09\0\0\x09\0\0", 6), "a frame that is larger than the whole", id="webp-canvas"
        ),
        pytest.param(
            put(MOVING_WEBP, starts(MOVING_WEBP, b"ANIM")[0], b"abcd", 4), "broken chunks", id="webp-unannounced"
        ),
    ],
)
def test_what_no_viewer_shows_is_refused_with_what_is_broken(data: bytes, reason: str):
    assert seen_by_pillow(data) is None or b"CgBI" in data
    with pytest.raises(NotAnImage, match=reason):
        repaired(data)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(JPEG[:2] + b"\xff\xfe\0\x02" * (MAX_PIECES + 1) + JPEG[2:], id="jpeg"),
        pytest.param(JPEG[:20] + b"a\xff\xfe\0\x02" * (MAX_PIECES + 1) + JPEG[20:], id="jpeg-with-junk"),
        pytest.param(put(PNG, 33, chunk(b"prVt") * (MAX_PIECES + 1)), id="png"),
        pytest.param(put(PNG, 33, chunk(b"prVt", checksum=0) * (MAX_PIECES + 1)), id="png-damaged"),
        pytest.param(put(PNG, 33, chunk(b"IDAT") * (MAX_PIECES + 1)), id="png-pixels"),
        pytest.param(put(GIF, starts(GIF, b"!\xf9")[0], b"!\xfe\0" * (MAX_PIECES + 1)), id="gif"),
        pytest.param(put(GIF, starts(GIF, b"!\xf9")[0], b"\0!\xfe\0" * (MAX_PIECES + 1)), id="gif-with-junk"),
        pytest.param(put(GIF, starts(GIF, b"!\xf9")[0], b"!\xfe" + b"\1a" * 20_000 + b"\0"), id="gif-short-blocks"),
        pytest.param(put(WEBP, 4, bytes(4), 4) + b"abcd\0\0\0\0" * (MAX_PIECES + 1), id="webp"),
    ],
)
def test_more_pieces_than_any_real_image_has_are_refused(data: bytes):
    with pytest.raises(NotAnImage, match="in more than 10,000 pieces"):
        repaired(data)


def test_a_gif_of_more_code_than_is_counted_is_refused():
    frame = starts(STILL_GIF, b",")[0]
    long = b"\xff" * 256 * (MAX_CODED_BYTES // 256 + 1)
    data = put(STILL_GIF, len(STILL_GIF) - 2, long)[:-1]
    assert data[frame:] != STILL_GIF[frame:]
    with pytest.raises(NotAnImage, match="too large to see whether pixels are missing"):
        repaired(data)


GIF_OF_SHORT_CODES = (
    b"GIF89a" + struct.pack("<HHBBB", 20_000, 20_000, 0x80, 0, 0) + bytes(6)
    + b"," + struct.pack("<HHHHB", 0, 0, 20_000, 20_000, 0) + b"\x01" + (b"\xff" + bytes(255)) * 3900 + b"\0"
)  # fmt: skip
FRAME_OF_255 = (
    b"\xff\xc2"
    + struct.pack(">HBHHB", 8 + 3 * 255, 8, 100, 100, 255)
    + b"".join(bytes((number, 17, 0)) for number in range(255))
)
SCAN_OF_255 = (
    b"\xff\xda"
    + struct.pack(">HB", 6 + 2 * 255, 255)
    + b"".join(bytes((number, 0)) for number in range(255))
    + b"\x00\xff\x00"
)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"\xff\xd8" + FRAME_OF_255 + SCAN_OF_255 * 1900, "broken segment", id="scans-of-255-components"),
        pytest.param(GIF_OF_SHORT_CODES, "too large to see", id="lzw-of-two-bits"),
    ],
)
def test_a_megabyte_made_to_be_slow_is_refused_in_a_second(data: bytes, reason: str):
    """Of processor time, where the first took a hundred."""
    start = time.process_time()
    with pytest.raises(NotAnImage, match=reason):
        repaired(data)
    assert time.process_time() - start < 1


def test_a_png_of_more_pixels_than_are_counted_is_refused_at_once():
    side = int(png_repair.MAX_UNPACKED_BYTES**0.5) + 1
    header = chunk(b"IHDR", side.to_bytes(4, "big") * 2 + b"\x08\0\0\0\0")
    with pytest.raises(NotAnImage, match="too large to see whether pixels are missing"):
        repaired(PNG[:8] + header + PNG[33:-12])


def test_a_png_whose_pixels_burst_is_not_unpacked():
    bomb = encoded(Image.new("L", (4000, 4000)), "PNG")
    small = chunk(b"IHDR", bytes((0, 0, 0, 9, 0, 0, 0, 9, 8, 0, 0, 0, 0)))
    with pytest.raises(NotAnImage, match="cut off"):
        repaired(bomb[:8] + small + bomb[33:-12])


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_any_buffer_is_repaired(kind: Callable[[bytes], Any]):
    assert repaired(kind(GIF[:-1])).data == GIF


def test_a_mapped_file_is_repaired_and_can_be_closed(tmp_path: Path):
    path = tmp_path / "broken.png"
    path.write_bytes(PNG[:-12])
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        image = repaired(mapped)
    assert image.data == PNG


# Hostile bytes

WORDS = [b"\0", bytes(4), b"\xff", b"\xff\0", b"abc", b"\xff\xd9", b";", b",", b"!", b"\xff\xd0", b"IEND", b"\r\n"]


@st.composite
def bent(draw: st.DrawFn) -> bytes:
    """A whole image, with junk between its pieces, without its end, or with bytes changed anywhere."""
    data = draw(st.sampled_from([*WHOLE.values()]))
    places = [piece.start for piece in pieces(data, examine(data).format, {})]
    for at in sorted(draw(st.lists(st.sampled_from(places), max_size=2)), reverse=True):
        data = put(data, at, draw(st.sampled_from(WORDS)))
    data = data[: len(data) - draw(st.integers(0, 30))] + bytes(draw(st.sampled_from([0, 0, 1, 20])))
    for at in draw(st.lists(st.integers(0, len(data) - 1), max_size=1)):
        data = put(data, at, draw(st.binary(max_size=2)), draw(st.integers(0, 2)))
    return data


@given(bent())
@fuzzing
def test_what_is_accepted_shows_what_pillow_sees_in_the_source(data: bytes):
    image = accepted(data)
    if image is None:
        return
    before, after = seen_by_pillow(data), seen_by_pillow(shown(image))
    assert before in (None, after)
    assert after is not None or image.data is data
    with warnings.catch_warnings(action="ignore"), Image.open(BytesIO(shown(image))) as opened:
        assert opened.size == (image.picture.width, image.picture.height)


@given(bent())
@fuzzing
def test_what_is_refused_has_a_reason(data: bytes):
    try:
        repaired(data)
    except NotAnImage as error:
        reason = str(error)
    else:
        reason = "accepted"
    assert reason


def test_a_frame_that_names_a_longer_run_than_there_is_is_cut_off():
    """A hole of zeros in a frame looks like its end."""
    noisy = encoded(Image.effect_noise((90, 70), 90).convert("P"), "GIF")
    frame = starts(noisy, b",")[0]
    hole = put(noisy, frame + 900, bytes(400), 400)
    with pytest.raises(NotAnImage, match="cut off"):
        repaired(hole[:-1])


def test_a_large_photo_is_drawn_the_same():
    photo = encoded(picture(size=(900, 700)), "JPEG", quality=92)
    image = repaired(photo[:-2] + bytes(4096))
    whole("JPEG", shown(image))
    assert seen(shown(image)) == seen(photo)
