"""What the benchmarks share: medians of interleaved runs, child processes, a picture of any size, a table."""

import os
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from statistics import median

MB = 1_000_000

Way = Callable[[], Awaitable[object]]


async def medians(rounds: int, *ways: Way) -> list[float]:
    """Milliseconds of each way. They take turns, in changing order, so that a busy moment hits all of them alike."""
    taken: list[list[float]] = [[] for _ in ways]
    for number in range(-2, rounds):
        turns = list(zip(ways, taken, strict=True))
        for way, times in turns if number % 2 else reversed(turns):
            start = time.perf_counter()
            await way()
            if number >= 0:
                times.append((time.perf_counter() - start) * 1000)
    return [median(times) for times in taken]


@contextmanager
def child(module: str, *words: str) -> Iterator[str]:
    """A process of this folder; gives the first line that it prints."""
    command = [sys.executable, "-m", f"benchmarks.{module}", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def picture(size: int) -> bytes:
    """A PNG of about `size` bytes whose pixels do not compress, in chunks as an encoder makes them."""
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", 1000, 1000, 8, 2, 0, 0, 0))
    noise = os.urandom(size)
    pixels = b"".join(_chunk(b"IDAT", noise[start : start + 32_768]) for start in range(0, size, 32_768))
    return b"\x89PNG\r\n\x1a\n" + header + pixels + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def show(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = [columns, *rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    print(f"\n{title}")
    for row in table:
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def verdict(value: float, goal: float) -> str:
    return "met" if value <= goal else "MISSED"


def at_least(ratio: float, goal: float) -> tuple[str, str, str]:
    """The last three cells of a row."""
    return f"{ratio:.2f}", f">= {goal:g}", verdict(goal, ratio)
