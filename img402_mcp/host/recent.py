"""The images asked for last, so that a picture on a busy page costs neither a look-up nor a read."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

from img402_mcp.host.index import Image

LARGEST = 256 * 1024
TOGETHER = 32 * 1_048_576
# Expiry is checked at every answer; this is how long an image that another worker deleted may linger.
LIFE = timedelta(seconds=5)


@dataclass(frozen=True)
class Found:
    """`data` None: too large to be kept in memory; read what is asked for."""

    image: Image
    data: bytes | None


class Recent:
    """Used from the event loop only, so it needs no lock."""

    def __init__(self, together: int = TOGETHER) -> None:
        self._entries: OrderedDict[str, tuple[Found, datetime]] = OrderedDict()
        self._together, self._size = together, 0

    def get(self, name: str, now: datetime) -> Found | None:
        found, until = self._entries.get(name, (None, now))
        if found is None or until <= now:
            return None
        self._entries.move_to_end(name)
        return found

    def put(self, found: Found, now: datetime) -> None:
        if found.data is None:
            return
        self._remove(found.image.name)
        self._entries[found.image.name] = (found, now + LIFE)
        self._size += found.image.size_bytes
        while self._size > self._together:
            self._remove(next(iter(self._entries)))

    def forget(self, name: str) -> None:
        self._remove(name)

    def _remove(self, name: str) -> None:
        if name in self._entries:
            found, _ = self._entries.pop(name)
            self._size -= found.image.size_bytes
