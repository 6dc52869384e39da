"""Whether a repaired image decodes, and whether a JPEG that had no end mark has all its pixels.

Decoders stop at the last pixel that the header promises. So the bytes after the coded ones make no difference, unless
the decoder still needs some.
"""

import re
from collections.abc import Iterator
from hashlib import sha256

from PIL import ImageFile

from img402_mcp.client.fit.decode import opened
from img402_mcp.client.fit.messages import MAX_PIXELS, Outcome, Unfit

_END, _INTERVAL = b"\xff\xd9", b"\xff\xdd"
_FILLS = (b"\x00" * 64, b"\x55" * 64, b"\x92" * 64)
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")


def whole(name: str, data: bytes) -> Outcome:
    """Raises Unfit, and the decoder's errors."""
    if name == "JPEG":
        _demand_all_pixels(data)
    else:
        _decode(opened(name, data))
    return Outcome()


def _demand_all_pixels(data: bytes) -> None:
    seen = _pixels(data)
    if any(_pixels(other) != seen for other in _filled(data.removesuffix(_END))):
        raise Unfit("cut")


def _decode(file: ImageFile.ImageFile) -> None:
    """Frame by frame. For a long animation the beginning is enough to show that the repair was right."""
    for number in range(min(getattr(file, "n_frames", 1), MAX_PIXELS // (file.width * file.height))):
        file.seek(number)
        file.load()


def _filled(coded: bytes) -> Iterator[bytes]:
    """If the next byte would begin a new interval, the decoder reads on only after a restart mark."""
    yield from (coded + fill + _END for fill in _FILLS)
    if _INTERVAL not in coded:
        return
    marks = _RESTART.findall(coded)
    following = bytes((0xFF, 0xD0 | (marks[-1][1] + 1) & 7)) if marks else b"\xff\xd0"
    yield from (coded + following + fill + _END for fill in _FILLS)


def _pixels(data: bytes) -> bytes:
    file = opened("JPEG", data)
    file.load()
    return sha256(file.tobytes()).digest()
