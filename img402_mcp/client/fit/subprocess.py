"""Makes an image fit a number of bytes: losslessly first, then at a high quality, then scaled. It says what it did.

Pixels are decoded in a child process, since a few kilobytes can decode to gigabytes and decoders have had holes. The
child gets the bytes through a pipe, an empty environment, and limits on memory, time and files; its answer is checked
like a stranger's. On Windows a job object limits the memory. If the system cannot limit memory (macOS), the limits on
pixels and wall time remain. The same input and limit give the same output.
"""

import os
import sys
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import DEVNULL
from typing import cast

from anyio import BrokenResourceError, CapacityLimiter, ClosedResourceError, create_task_group, open_process
from anyio.abc import ByteReceiveStream, ByteSendStream, Process

from img402_mcp.client import deadline
from img402_mcp.client.fit.messages import (
    MAX_HEAD_BYTES,
    MAX_PIXELS,
    WALL_SECONDS,
    Order,
    Outcome,
    outcome_in,
    packed,
    reason_and_way_out,
)
from img402_mcp.errors import ReadRefused
from img402_mcp.formats import FORMATS, NotAnImage, Picture, examine
from img402_mcp.formats.base import CutOff
from img402_mcp.formats.lookalikes import CONVERTIBLE

ALL = tuple(each.media_type for each in FORMATS)
AT_ONCE = CapacityLimiter(min(os.cpu_count() or 1, 2))
"""Children that run side by side: each may take a processor and 512 MB."""

PROGRAM = "import sys; sys.path[:] = sys.argv[1:]; from img402_mcp.client.fit.worker import main; main()"


class CannotFit(ReadRefused):
    """The image stays larger than the limit, or no accepted format can hold it. `code` is one of REASONS."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Fitted:
    """`step` is for people: `png 3.1 MB -> webp 0.70 MB, lossless`; empty if nothing had to be done."""

    data: bytes = field(repr=False)
    picture: Picture
    step: str


async def fitted(  # noqa: PLR0913  # the last two are for tests, which have no hours and lie
    data: bytes,
    picture: Picture,
    limit: int,
    formats: Collection[str] = ALL,
    *,
    least_scale: int = 1,
    seconds: float = WALL_SECONDS,
    program: str = PROGRAM,
) -> Fitted:
    """In one of the media types, scaled no smaller than `least_scale` percent. Raises CannotFit."""
    if len(data) <= limit and picture.format.media_type in formats:
        return Fitted(data, picture, "")
    names = tuple(each.name for each in FORMATS if each.media_type in formats)
    try:
        _demand_possible(picture, names)
        answer = await _answer(
            program, packed(Order(limit, picture.format.name, names, least_scale), data), limit, seconds
        )
        outcome, smaller = _believed(answer)
        return _checked(outcome, smaller, Fitted(data, picture, ""), limit, names)
    except _GaveUp as given_up:
        code = "kept" if str(given_up) == "floor" and least_scale > 1 else str(given_up)
    raise CannotFit(_sentence(code, data, picture, limit), code)


async def flaw_in(data: bytes, picture: Picture) -> str:
    """The fault that a repaired image still has; empty if it decodes and no pixel is missing."""
    name = picture.format.name
    try:
        _demand_possible(picture)
        outcome, _ = _believed(await _answer(PROGRAM, packed(Order(0, name), data), 0, WALL_SECONDS))
        reason = outcome.reason
    except _GaveUp as given_up:
        reason = str(given_up)
    if reason == "cut":
        return str(CutOff(name))
    return f"is a damaged {name}: {'. '.join(reason_and_way_out(reason))}" if reason else ""


class _GaveUp(Exception):
    """`str()` is a code of REASONS."""


def _demand_possible(picture: Picture, names: Collection[str] = ("PNG",)) -> None:
    if picture.width * picture.height > MAX_PIXELS:
        raise _GaveUp("pixels")
    if not {"PNG", "JPEG", "WebP"}.intersection(names):
        raise _GaveUp("formats")


# What the worker says is checked like anything from outside


def _believed(answer: bytes) -> tuple[Outcome, bytes]:
    try:
        return outcome_in(answer)
    except (ValueError, RecursionError):
        raise _GaveUp("ended") from None


def _checked(outcome: Outcome, data: bytes, before: Fitted, limit: int, names: Collection[str]) -> Fitted:
    if outcome.reason:
        raise _GaveUp(outcome.reason)
    try:
        picture = examine(data)
    except NotAnImage:
        raise _GaveUp("ended") from None
    if len(data) > limit or picture.end != len(data) or picture.format.name not in names:
        raise _GaveUp("ended")
    parts = [_in_short(each, kind) for each, kind in ((before.data, before.picture), (data, picture))]
    if before.picture.format in CONVERTIBLE:
        parts = [before.picture.format.name.lower(), picture.format.name.lower()]
    step = f"{' -> '.join(parts)}, {outcome.in_words()}"
    return Fitted(data, picture, step)


def _in_short(data: bytes, picture: Picture) -> str:
    return f"{picture.format.name.lower()} {_size(len(data))}"


def _size(count: int) -> str:
    """3.1 MB, 0.98 MB, 70 kB."""
    if count < 100_000:
        return f"{max(count // 1000, 1)} kB"
    return f"{count / 1_000_000:.{1 if count >= 1_000_000 else 2}f} MB"


def _sentence(code: str, data: bytes, picture: Picture, limit: int) -> str:
    reason, way_out = reason_and_way_out(code)
    if picture.format in CONVERTIBLE:
        return f"The image ({_in_short(data, picture)}) cannot be converted: {reason}. {way_out}; nothing was sent."
    return (
        f"The image ({_in_short(data, picture)}, {picture.width:,}x{picture.height:,} pixels) cannot be brought to at "
        f"most {limit:,} bytes: {reason}. {way_out}; nothing was sent."
    )


async def _answer(program: str, message: bytes, limit: int, seconds: float) -> bytes:
    async with AT_ONCE:
        try:
            with deadline.current().limit(seconds):
                return await _run_worker(program, message, limit + MAX_HEAD_BYTES)
        except TimeoutError:
            raise _GaveUp("time") from None


async def _run_worker(program: str, message: bytes, most: int) -> bytes:
    """The worker ends with this function, also if the call is cancelled."""
    async with await _started(program) as worker, create_task_group() as tasks:
        tasks.start_soon(_send, cast("ByteSendStream", worker.stdin), message)
        answer = await _received(cast("ByteReceiveStream", worker.stdout), most)
        if len(answer) > most:
            worker.kill()
        await worker.wait()
    if -(worker.returncode or 0) == OVERTIME:
        raise _GaveUp("time")
    return answer


OVERTIME = 24  # SIGXCPU


async def _started(program: str) -> Process:
    package = str(Path(__file__).parents[2])
    path = [package, *(folder for folder in sys.path if Path(folder).is_absolute())]
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    # -I: neither the environment nor the working directory says what is imported; -S: the path is given.
    return await open_process([sys.executable, "-I", "-S", "-c", program, *path], stderr=DEVNULL, env=environment)


_KEPT = ("SYSTEMROOT", "LD_LIBRARY_PATH")
"""Windows starts nothing without the first; some installations have Python's own libraries in the second."""


async def _send(stream: ByteSendStream, message: bytes) -> None:
    with suppress(BrokenResourceError, ClosedResourceError):  # it ended before it read everything
        await stream.send(message)
    await stream.aclose()


async def _received(stream: ByteReceiveStream, most: int) -> bytes:
    """The whole output, or a little more than `most` bytes of it."""
    received = bytearray()
    async for piece in stream:
        received += piece
        if len(received) > most:
            break
    return bytes(received)
