import pytest

from img402_mcp.formats import WEBP, NotAnImage, Picture, examine
from img402_mcp.formats.base import CutOff
from tests.fakes.structures import ALPHA, VP8, VP8L, VP8X, moving_webp, part, riff


@pytest.mark.parametrize(
    ("data", "picture"),
    [
        pytest.param(riff(part(b"VP8 ", VP8)), Picture(WEBP, 48, 32, 30), id="least-webp"),
        pytest.param(riff(part(b"VP8 ", VP8 + b"\0")), Picture(WEBP, 48, 32, 32), id="webp-padding"),
        pytest.param(riff(part(b"VP8L", VP8L)), Picture(WEBP, 48, 32, 26), id="webp-lossless"),
        pytest.param(
            riff(part(b"VP8X", VP8X), ALPHA, part(b"VP8 ", VP8)), Picture(WEBP, 48, 32, 58), id="webp-with-alpha"
        ),
        pytest.param(moving_webp(bytes(16) + part(b"VP8 ", VP8)), Picture(WEBP, 48, 32, 86), id="webp-animated"),
    ],
)
def test_a_structure_is_walked_to_its_end(data: bytes, picture: Picture):
    assert examine(data) == picture


@pytest.mark.parametrize(
    ("data", "clause"),
    [
        pytest.param(riff(), "is a WebP with broken chunks", id="webp-without-chunks"),
        pytest.param(
            riff(part(b"VP8X", b"\x40" + VP8X[1:]), part(b"VP8 ", VP8)), "is a WebP with broken chunks", id="webp-flags"
        ),
        pytest.param(
            riff(part(b"VP8X", VP8X[:8]), part(b"VP8 ", VP8)), "is a WebP with broken chunks", id="webp-short-header"
        ),
        pytest.param(
            riff(part(b"VP8X", VP8X), part(b"VP8 ", VP8) * 2), "is a WebP with broken chunks", id="webp-two-pictures"
        ),
        pytest.param(
            riff(part(b"VP8X", VP8X), ALPHA, part(b"VP8L", VP8L)),
            "is a WebP with broken chunks",
            id="webp-alpha-of-a-lossless-one",
        ),
        pytest.param(
            riff(part(b"VP8X", VP8X), part(b"VP8 ", VP8), ALPHA), "is a WebP with broken chunks", id="webp-alpha-behind"
        ),
        pytest.param(
            riff(part(b"VP8X", VP8X[:4] + bytes(6)), part(b"VP8 ", VP8)),
            "is a WebP whose picture has another size than its header says",
            id="webp-other-size",
        ),
        pytest.param(
            riff(part(b"VP8X", b"\2" + VP8X[1:]), part(b"VP8 ", VP8)),
            "is a WebP with broken chunks",
            id="webp-no-frames",
        ),
        pytest.param(
            riff(part(b"VP8X", b"\2" + VP8X[1:]), part(b"ANMF", bytes(16) + part(b"VP8 ", VP8))),
            "is a WebP with broken chunks",
            id="webp-frames-unannounced",
        ),
        pytest.param(
            moving_webp(bytes(16) + part(b"VP8 ", VP8) * 2), "is a WebP with broken chunks", id="webp-frame-of-two"
        ),
        pytest.param(
            moving_webp(b"\1" + bytes(15) + part(b"VP8 ", VP8)),
            "is a WebP with a frame that is larger than the whole",
            id="webp-frame-beyond-the-canvas",
        ),
        pytest.param(
            moving_webp(bytes(16) + part(b"abcd") * 20 + part(b"VP8 ", VP8)),
            "is a WebP with a broken frame",
            id="webp-frame-of-many-chunks",
        ),
        pytest.param(
            riff(part(b"VP8 ", b"\x11" + VP8[1:])), "is a WebP with a broken frame", id="webp-frame-that-is-no-key"
        ),
        pytest.param(
            riff(part(b"VP8 ", b"\x10\2\0" + VP8[3:])), "is a WebP with a broken frame", id="webp-long-partition"
        ),
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
            str(CutOff("WebP")),
            id="webp-endless",
        ),
        pytest.param(riff(part(b"VP8 ", b"\0" * 10)), "is a WebP with a broken frame", id="webp-lossy-frame"),
        pytest.param(riff(part(b"VP8L", b"\0" * 10)), "is a WebP with a broken frame", id="webp-lossless-frame"),
        pytest.param(riff(part(b"VP8 ", VP8[:6] + b"\0" * 4)), "is a WebP of 0x0 pixels", id="webp-without-size"),
    ],
)
def test_a_broken_structure_is_refused_with_what_is_broken(data: bytes, clause: str):
    with pytest.raises(NotAnImage) as caught:
        examine(data)
    assert str(caught.value) == clause
