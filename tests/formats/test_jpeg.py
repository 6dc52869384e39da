import pytest

from img402_mcp.formats import JPEG, NotAnImage, Picture, examine
from img402_mcp.formats.base import CutOff
from tests.fakes.structures import END, NOT_SHOWN, SCAN, frame, jpeg, segment


@pytest.mark.parametrize(
    ("data", "picture"),
    [
        pytest.param(jpeg(frame(), SCAN, END), Picture(JPEG, 48, 32, 29), id="least-jpeg"),
        pytest.param(jpeg(frame(), SCAN, b"\xff\x00\xff\xff", END), Picture(JPEG, 48, 32, 33), id="scan-fill"),
        pytest.param(jpeg(frame(), SCAN, b"\xff\xd0\x01\x02", END), Picture(JPEG, 48, 32, 33), id="scan-restart"),
        pytest.param(jpeg(frame(), SCAN, b"\xff\xff\0\x01", END), Picture(JPEG, 48, 32, 33), id="scan-fill-zero"),
        pytest.param(jpeg(b"\xff\xff", frame(), SCAN, END), Picture(JPEG, 48, 32, 31), id="fill-before-a-segment"),
        pytest.param(jpeg(segment(0xE1, END), frame(), SCAN, END), Picture(JPEG, 48, 32, 35), id="end-in-a-segment"),
    ],
)
def test_a_structure_is_walked_to_its_end(data: bytes, picture: Picture):
    assert examine(data) == picture


@pytest.mark.parametrize(
    ("data", "clause"),
    [
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
            str(CutOff("JPEG")),
            id="jpeg-endless-segment",
        ),
        pytest.param(jpeg(b"\xff" * 1000), str(CutOff("JPEG")), id="jpeg-all-fill"),
        pytest.param(jpeg(frame(), frame(), SCAN, END), "is a JPEG with a broken segment", id="jpeg-two-frames"),
        pytest.param(
            jpeg(frame(), segment(0xDA, b"\1\1\0\0\x3f\0text") + b"\1", END),
            "is a JPEG with a broken segment",
            id="jpeg-long-scan-header",
        ),
        pytest.param(
            jpeg(frame(), segment(0xDD, bytes(9)), SCAN, END), "is a JPEG with a broken segment", id="jpeg-interval"
        ),
        pytest.param(
            jpeg(frame(), segment(0xDB, bytes(66)), SCAN, END), "is a JPEG with a broken segment", id="jpeg-long-table"
        ),
        pytest.param(
            jpeg(frame(), segment(0xC4, b"\0" + b"\xff" * 16 + bytes(4080)), SCAN, END),
            "is a JPEG with a broken segment",
            id="jpeg-too-many-symbols",
        ),
        pytest.param(
            jpeg(segment(0xC0, frame()[4:] + b"more"), SCAN, END),
            "is a JPEG with a broken segment",
            id="jpeg-long-frame",
        ),
        pytest.param(jpeg(frame(components=2), SCAN, END), NOT_SHOWN, id="jpeg-two-components"),
        pytest.param(jpeg(frame(bits=12), SCAN, END), NOT_SHOWN, id="jpeg-12-bit"),
        pytest.param(jpeg(frame(marker=0xC3), SCAN, END), NOT_SHOWN, id="jpeg-lossless"),
        pytest.param(jpeg(segment(0xF7), frame(), SCAN, END), "is a JPEG with a broken segment", id="jpeg-ls"),
    ],
)
def test_a_broken_structure_is_refused_with_what_is_broken(data: bytes, clause: str):
    with pytest.raises(NotAnImage) as caught:
        examine(data)
    assert str(caught.value) == clause
