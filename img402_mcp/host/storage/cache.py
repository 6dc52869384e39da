"""The images asked for last, so that a picture on a busy page costs neither a look-up nor a read."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from img402_mcp.host.storage.images import StoredImage

LARGEST = 256 * 1024
TOGETHER = 32 * 1_048_576
ROWS = 16_384  # some 8 MB
# Expiry is checked at every answer; this is how long an image that another worker deleted may linger.
LIFE = timedelta(seconds=5)


@dataclass(frozen=True)
class CachedImage:
    """`data` None: too large to be kept in memory; read what is asked for."""

    image: StoredImage
    data: bytes | None


class ImageCache:
    """Bytes, and the rows of more images than these. Used from the event loop only, so it needs no lock."""

    def __init__(self, together: int = TOGETHER) -> None:
        self._entries: OrderedDict[str, CachedImage] = OrderedDict()
        self._rows: OrderedDict[str, tuple[StoredImage, datetime]] = OrderedDict()
        self._gone: OrderedDict[str, datetime] = OrderedDict()
        self._together, self._size = together, 0

    def get(self, name: str, now: datetime) -> CachedImage | None:
        found = self._entries.get(name)
        if found is None or self.row(name, now) is None:
            return None
        self._entries.move_to_end(name)
        return found

    def row(self, name: str, now: datetime) -> StoredImage | None:
        image, until = self._rows.get(name, (None, now))
        return None if until <= now else image

    def put(self, found: CachedImage, now: datetime) -> None:
        """As it was looked up at that moment."""
        if now <= self._gone.get(found.image.name, datetime.min.replace(tzinfo=UTC)):
            return
        self._forget(found.image.name)
        self._rows[found.image.name] = (found.image, now + LIFE)
        self.put_bytes(found)
        if len(self._rows) > ROWS:
            self._forget(next(iter(self._rows)))

    def put_bytes(self, found: CachedImage) -> None:
        """Of an image whose row is remembered; how long that holds stays as it is."""
        self._remove(found.image.name)
        if found.data is None:
            return
        self._entries[found.image.name] = found
        self._size += found.image.size_bytes
        while self._size > self._together:
            self._remove(next(iter(self._entries)))

    def forget(self, name: str, now: datetime) -> None:
        """It is deleted. A look-up from before that moment may end only now; after LIFE it is too old anyway."""
        self._forget(name)
        self._gone[name] = now
        self._gone.move_to_end(name)
        while next(iter(self._gone.values())) + LIFE < now:
            self._gone.popitem(last=False)

    def _forget(self, name: str) -> None:
        self._rows.pop(name, None)
        self._remove(name)

    def _remove(self, name: str) -> None:
        found = self._entries.pop(name, None)
        if found is not None:
            self._size -= found.image.size_bytes
