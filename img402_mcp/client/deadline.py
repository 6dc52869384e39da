"""One deadline for all steps of a tool call: limits, price, token, upload, verifying, and every retry. Clients end a
call after 60 seconds, and then its outcome is lost. So every wait ends at the deadline at the latest, and the answer
says what is known by then. Bytes and progress that still move put the deadline off. A person at a terminal has no
deadline: there each step has its own time-out.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import anyio

CALL_SECONDS = 50.0
SHARE_AFTER_A_MOVE = 0.2
"""The part of the seconds that an API has for its answer after the last byte that moved."""
DRAINING = 2
"""A multiple of the time that the bytes took to reach the network's buffers: on a slow link many still wait there."""


class Deadline:
    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._at = math.inf if seconds == math.inf else anyio.current_time() + seconds
        self._limited: dict[anyio.CancelScope, tuple[float, float]] = {}

    @property
    def left(self) -> float:
        return math.inf if self._at == math.inf else self._at - anyio.current_time()

    @contextmanager
    def limit(self, seconds: float = math.inf, grace: float = 0.0) -> Iterator[None]:
        """Raises TimeoutError after so many seconds, or `grace` after the deadline, which may move."""
        own = anyio.current_time() + seconds
        with anyio.fail_after(min(seconds, self.left + grace)) as scope:
            self._limited[scope] = own, grace
            try:
                yield
            finally:
                del self._limited[scope]

    def moved(self, taken: float = 0.0) -> None:
        """Data moves, and has moved for `taken` seconds. A deadline that has passed is not put off."""
        if not 0 < self.left < math.inf:
            return
        self._at = max(self._at, anyio.current_time() + max(SHARE_AFTER_A_MOVE * self._seconds, DRAINING * taken))
        for scope, (own, grace) in self._limited.items():
            scope.deadline = min(own, self._at + grace)


_NONE = Deadline(math.inf)
_current: ContextVar[Deadline] = ContextVar("deadline", default=_NONE)


def current() -> Deadline:
    return _current.get()


@contextmanager
def deadline(seconds: float = CALL_SECONDS) -> Iterator[Deadline]:
    """For everything that is awaited inside, including tasks that are started there."""
    made = Deadline(seconds)
    token = _current.set(made)
    try:
        yield made
    finally:
        _current.reset(token)
