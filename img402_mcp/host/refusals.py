"""What an address sent in vain, in a short window of its own: bodies that were no images, proofs that bought nothing.

Each costs the host work, and none of it counts towards a daily limit. Counted in the memory of one process.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from starlette.types import Scope

from img402_mcp.host.client_address import Address, shared_by
from img402_mcp.host.errors import RECEIVED, ApiError

WINDOW = 10  # seconds
MOST_BODY_BYTES, LEAST_BODY_BYTES = 8_000_000, 16_000
"""So much in refused bodies; the smallest one counts as that."""
MOST_PROOFS = 40
_ADDRESSES = 10_000
BODY_CODES = ("no_file", "file_too_large", "unsupported_format", "empty_file")


class Refusals:
    """`most`: how much may be refused to one address in a window before it is told to wait."""

    def __init__(self, what: str, most: int, now: Callable[[], float] = time.monotonic) -> None:
        self._what, self._most, self._now = what, most, now
        self._windows: dict[str, tuple[float, int]] = {}

    def refuse_early(self, address: Address | None) -> None:
        end, refused = self._windows.get(shared_by(address), (0.0, 0))
        left = end - self._now()
        if refused > self._most and left > 0:
            raise ApiError(
                "too_many",
                f"Too many {self._what} came from your address in the last {WINDOW} seconds. This one was not read. "
                "Wait, and find out what was wrong with them before you continue.",
                retry_after=int(left) + 1,
            )

    def add(self, address: Address | None, weight: int) -> None:
        who, now = shared_by(address), self._now()
        end, refused = self._windows.pop(who, (0.0, 0))
        if len(self._windows) >= _ADDRESSES:
            del self._windows[next(iter(self._windows))]  # who was refused longest ago
        self._windows[who] = (end, refused + weight) if now < end else (now + WINDOW, weight)

    @contextmanager
    def watching(
        self, address: Address | None, counts: Callable[[ApiError], bool], weight: Callable[[], int] = lambda: 1
    ) -> Iterator[None]:
        """Counts the refusals of that kind, and raises ApiError where there were too many before."""
        self.refuse_early(address)
        try:
            yield
        except ApiError as error:
            if counts(error):
                self.add(address, weight())
            raise


def of_body(error: ApiError) -> bool:
    return error.code in BODY_CODES


def body_weight(scope: Scope) -> int:
    """The bytes that came of it."""
    return max(LEAST_BODY_BYTES, int(scope.get(RECEIVED, 0)))
