"""The images asked for last, so that one on a busy page costs neither a look-up nor a read."""

from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Generic, TypeVar

Row = TypeVar("Row")

LARGEST = 256 * 1024
ROWS = 8192  # some 5 MB
# Expiry is checked at every answer; this is how long an image that another worker deleted may linger.
LIFE = timedelta(seconds=5)
_NEVER = datetime.min.replace(tzinfo=UTC)


class RecentRows(Generic[Row]):
    """Of images, by id. Used from all threads."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._rows: OrderedDict[str, tuple[Row, datetime]] = OrderedDict()
        self._lock, self.deletions = Lock(), 0

    def get(self, image_id: str) -> Row | None:
        row, since = self._rows.get(image_id, (None, _NEVER))
        return row if timedelta() <= self._now() - since < LIFE else None

    def put(self, image_id: str, row: Row, since: int) -> None:
        """`since`: `deletions` before it was looked up. If there is one more now, it may have been this image's."""
        with self._lock:
            self._rows.pop(image_id, None)
            if since == self.deletions:
                self._rows[image_id] = row, self._now()
            if len(self._rows) > ROWS:
                self._rows.popitem(last=False)

    def forget(self, image_id: str) -> None:
        """It is deleted."""
        with self._lock:
            self.deletions += 1
            self._rows.pop(image_id, None)


class RecentBytes:
    """Of small images, by name. A name's bytes never change, and whether it is an image is for its row to say."""

    def __init__(self, together: int) -> None:
        self._data: OrderedDict[str, bytes] = OrderedDict()
        self._lock, self._together, self._size = Lock(), together, 0

    def get(self, name: str, length: int) -> bytes | None:
        """Whole: a range may have been read meanwhile."""
        with self._lock:
            data = self._data.get(name)
            if data is None or len(data) != length:
                return None
            self._data.move_to_end(name)
            return data

    def put(self, name: str, data: bytes) -> None:
        if len(data) > LARGEST:
            return
        with self._lock:
            self._size += len(data) - len(self._data.pop(name, b""))
            self._data[name] = data
            while self._size > self._together:
                self._size -= len(self._data.popitem(last=False)[1])
