"""The worker that decodes. An order and an image come in at stdin, an outcome and an image go out at stdout.

Everything that it needs is imported first; then it shuts itself in: so much memory, so much time, no file and no
socket opened any more. Only then are foreign bytes decoded.
"""

import os
import sys
import warnings
from contextlib import suppress

from PIL import Image

from img402_mcp.client.fit.convertible import NAMES, decoder_of
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
from img402_mcp.client.fit.whole import whole


def main() -> None:
    Image.preinit()
    order, data = order_in(sys.stdin.buffer.read())
    _import_decoder(order.name)
    _limit_resources()
    sys.stdout.buffer.write(answer(order, data))
    sys.stdout.buffer.flush()
    os._exit(0)  # nothing is left to be tidied up, and that takes a moment


def _import_decoder(name: str) -> None:
    with suppress(Unfit):  # the answer says so
        if name in NAMES:
            decoder_of(name)


def _limit_resources() -> None:
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    if sys.platform == "win32":
        from img402_mcp.client.fit.job_object import enter_job  # noqa: PLC0415  # on Windows alone

        enter_job(MEMORY)
        return
    import resource  # noqa: PLC0415  # missing on Windows

    _limit(resource.RLIMIT_AS, MEMORY)
    _limit(resource.RLIMIT_CPU, PROCESSOR_SECONDS)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NOFILE, 3)  # stdin, stdout and stderr; nothing can be opened beside them


def _limit(what: int, most: int) -> None:
    import resource  # noqa: PLC0415  # missing on Windows

    try:
        resource.setrlimit(what, (most, most + (what == resource.RLIMIT_CPU)))  # CPU: SIGXCPU first, which tells why
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
