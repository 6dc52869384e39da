"""The worker that decodes. An order and an image come in at stdin, an outcome and an image go out at stdout.

Everything that it needs is imported first; then it shuts itself in: so much memory, so much time, no file and no
socket opened any more. Only then are foreign bytes decoded.
"""

import os
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256

from PIL import Image

from img402_mcp.client.fit.convertible import NAMES, decoder_of
from img402_mcp.client.fit.decode import opened
from img402_mcp.client.fit.messages import (
    MAX_PIXELS,
    MEMORY,
    PROCESSOR_SECONDS,
    Order,
    Outcome,
    Unfit,
    order_in,
    packed,
)
from img402_mcp.client.fit.strategy import fit


def main() -> None:
    Image.preinit()
    order, data = order_in(sys.stdin.buffer.read())
    with suppress(Unfit):  # the answer says so
        if order.name in NAMES:
            decoder_of(order.name)
    _limit_resources()
    sys.stdout.buffer.write(answer(order, data))
    sys.stdout.buffer.flush()
    os._exit(0)  # nothing is left to be tidied up, and that takes a moment


def _limit_resources() -> None:
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    _limit_process()


if sys.platform == "win32":
    import win32api
    import win32job

    def _limit_process() -> None:
        """By a job object: so much memory, no child, and a crash opens no window. Raises pywintypes.error."""
        job = win32job.CreateJobObject(None, "")
        kind = win32job.JobObjectExtendedLimitInformation
        limits = win32job.QueryInformationJobObject(job, kind)
        limits["ProcessMemoryLimit"] = MEMORY
        limits["BasicLimitInformation"]["ActiveProcessLimit"] = 1
        limits["BasicLimitInformation"]["LimitFlags"] = (
            win32job.JOB_OBJECT_LIMIT_PROCESS_MEMORY
            | win32job.JOB_OBJECT_LIMIT_ACTIVE_PROCESS
            | win32job.JOB_OBJECT_LIMIT_DIE_ON_UNHANDLED_EXCEPTION
        )
        win32job.SetInformationJobObject(job, kind, limits)
        win32job.AssignProcessToJobObject(job, win32api.GetCurrentProcess())

else:
    import resource

    def _limit_process() -> None:
        _limit(resource.RLIMIT_AS, MEMORY)
        _limit(resource.RLIMIT_CPU, PROCESSOR_SECONDS)
        _limit(resource.RLIMIT_FSIZE, 0)
        _limit(resource.RLIMIT_CORE, 0)
        _limit(resource.RLIMIT_NOFILE, 3)  # stdin, stdout and stderr; nothing else can be opened

    def _limit(what: int, most: int) -> None:
        try:
            resource.setrlimit(what, (most, most + (what == resource.RLIMIT_CPU)))  # CPU: SIGXCPU first; it tells why
        except (ValueError, OSError):
            if sys.platform == "linux":  # elsewhere a limit may not be known to the system
                raise


def answer(order: Order, data: bytes) -> bytes:
    try:
        outcome, smaller = fit(order, data) if order.formats else (whole(order.name, data), b"")
    except Unfit as unfit:
        return packed(Outcome(reason=unfit.code))
    except MemoryError:
        return packed(Outcome(reason="memory"))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return packed(Outcome(reason="pixels"))
    except Exception:  # noqa: BLE001  # a decoder raises anything at all over bytes made to break it
        return packed(Outcome(reason="unknown" if order.name in NAMES else "broken"))
    return packed(outcome, smaller)


# Whether a repaired image decodes, and whether a JPEG that had no end mark has all its pixels. Decoders stop at the
# last pixel that the header promises. So the bytes after the coded ones make no difference, unless the decoder still
# needs some.


_END, _INTERVAL = b"\xff\xd9", b"\xff\xdd"
_FILLS = (b"\x00" * 64, b"\x55" * 64, b"\x92" * 64)
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")


def whole(name: str, data: bytes) -> Outcome:
    """Raises Unfit, and the decoder's errors."""
    if name != "JPEG":
        file = opened(name, data)
        # Frame by frame. For a long animation the beginning is enough to show that the repair was right.
        for number in range(min(getattr(file, "n_frames", 1), MAX_PIXELS // (file.width * file.height))):
            file.seek(number)
            file.load()
        return Outcome()
    seen = _pixels(data)
    if any(_pixels(other) != seen for other in _filled(data.removesuffix(_END))):
        raise Unfit("cut")
    return Outcome()


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
