"""What an address sent in vain, in a short window of its own: bodies that were no images, proofs that bought nothing.

Each costs the host work, and none of it counts towards a daily limit. Counted in the memory of one process.
"""

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

from img402_mcp.host.client_address import Address, shared_by
from img402_mcp.host.errors import ApiError
from img402_mcp.host.sizes import MEGABYTE

WINDOW = 10  # seconds
BODY_CODES = frozenset({"no_file", "file_too_large", "unsupported_format", "empty_file"})
MOST_BODIES, LEAST_BODY = 8 * MEGABYTE, 64 * 1024
"""So many refused bytes in a window, and as what even the smallest refused body counts."""
MOST_PROOFS = 40
_ADDRESSES = 10_000


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
                f"Too many {self._what} came from your address in the last {WINDOW} seconds. Nothing was looked at. "
                "Wait, and see what was wrong with them before you go on.",
                retry_after=int(left) + 1,
            )

    def add(self, address: Address | None, weight: int = 1) -> None:
        who, now = shared_by(address), self._now()
        end, refused = self._windows.pop(who, (0.0, 0))
        if len(self._windows) >= _ADDRESSES:
            del self._windows[next(iter(self._windows))]  # who was refused longest ago
        self._windows[who] = (end, refused + weight) if now < end else (now + WINDOW, weight)

    @contextmanager
    def watching(self, address: Address | None, codes: Collection[str], weight: int = 1) -> Iterator[None]:
        """Counts what is refused with one of these codes, and raises ApiError where too much was before."""
        self.refuse_early(address)
        try:
            yield
        except ApiError as error:
            if error.code in codes:
                self.add(address, weight)
            raise


def refused_bodies() -> Refusals:
    return Refusals("bodies that are not images", MOST_BODIES)


def refused_proofs() -> Refusals:
    return Refusals("proofs of payment that are refused", MOST_PROOFS)
