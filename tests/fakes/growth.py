"""How much time and memory work takes as its input grows, whatever else the machine does."""

import time
import tracemalloc
from collections.abc import Callable

TRIES = 7
"""A busy machine can slow down one of the two runs that are compared. It rarely does so each time."""


def is_linear(work: Callable[[int], object], size: int) -> bool:
    """Four times the size takes about 4 times the processor time where work is linear, and 16 where it is square."""
    return any(_seconds(work, 4 * size) < 9 * _seconds(work, size) for _ in range(TRIES))


def _seconds(work: Callable[[int], object], size: int) -> float:
    start = time.process_time()
    work(size)
    return time.process_time() - start


def peak_of(work: Callable[[], object]) -> int:
    """In bytes. Another thread of the test runner can add its own to one run, but hardly to each of three."""
    return min(_peak(work) for _ in range(3))


def _peak(work: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
