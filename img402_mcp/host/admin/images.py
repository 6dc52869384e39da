"""Images for the operator: listed, counted, deleted, and compared with their stored bytes.

Everything here works while the host runs, and blocks.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, and_, func, literal, select, type_coerce, union_all

from img402_mcp.errors import SettingsError, quoted
from img402_mcp.formats import FORMATS, NotAnImage, repaired
from img402_mcp.host.cleanup import GRACE
from img402_mcp.host.db.database import Moment
from img402_mcp.host.errors import OUT_OF_REACH
from img402_mcp.host.storage.blobs.base import Blobs
from img402_mcp.host.storage.images import IMAGES, PRIVATE, Images, parse_name
from img402_mcp.host.storage.quota import stored_usage

Entry = dict[str, Any]

DAYS_SHOWN = 7
_PAGE = 1000
_DAY = 86_400_000  # milliseconds, as moments are stored
_COLUMNS = ("id", "extension", "size_bytes", "created_at")
_ALL = union_all(
    select(*(IMAGES.c[name] for name in _COLUMNS), IMAGES.c.expires_at, IMAGES.c.paid),
    select(*(PRIVATE.c[name] for name in _COLUMNS), literal(None, Moment).label("expires_at"), literal(None)),
).subquery()
_KIND = {False: "free", True: "paid", None: "private"}
_KINDS = {kind: _ALL.c.paid.is_(paid) for paid, kind in _KIND.items()}
_MEDIA_TYPES = {form.extension: form.media_type for form in FORMATS}
_RESTORE = "restore the file from a backup, or delete the image"
WAYS_OUT = {
    **dict.fromkeys(("missing", "wrong size", "wrong type"), _RESTORE),
    "orphan": "nothing: the host removes it within the hour",
}
"""What can be wrong with an image -> what to do."""


@dataclass(frozen=True)
class ImagesAdmin:
    rows: Images
    blobs: Blobs
    now: Callable[[], datetime]

    def images(self, limit: int, **wanted: Any) -> list[Entry]:  # noqa: ANN401  # what `_wanted` takes
        """The newest first."""
        condition = _wanted(**wanted)
        query = select(_ALL).where(condition).order_by(_ALL.c.created_at.desc(), _ALL.c.id).limit(limit)
        with self.rows.database.reading() as connection:
            return [_entry(row) for row in connection.execute(query)]

    def usage(self) -> list[Entry]:
        """By kind, then by the days with the most bytes, of the images that still exist."""
        kinds = [
            {"kind": it.kind, "images": it.images, "bytes": it.size_bytes} for it in stored_usage(self.rows.database)
        ]
        return kinds + self._biggest_days()

    def delete(self, names: list[str]) -> list[Entry]:
        """By id, name or URL. A worker that has one in its cache drops it within seconds."""
        return [self._delete(*it) for it in [(name, _id_in(name)) for name in names]]

    def verify(self, *, deep: bool) -> list[Entry]:
        """Finds rows without bytes and bytes without a row. Holds the names of all stored files in memory."""
        stored = dict(self.blobs.sizes(self.now() + timedelta(days=1)))
        faults = [*self._faulty_rows(stored, deep=deep), *self._orphans(stored)]
        return [{"image": name, "fault": fault, "way_out": WAYS_OUT[fault]} for name, fault in faults]

    def _biggest_days(self) -> list[Entry]:
        day, size = type_coerce(_ALL.c.created_at, BigInteger) // _DAY, func.sum(_ALL.c.size_bytes)
        query = select(day, func.count(), size).group_by(day).order_by(size.desc()).limit(DAYS_SHOWN)
        with self.rows.database.reading() as connection:
            rows = connection.execute(query).all()
        return [
            {"day": f"{datetime.fromtimestamp(at * _DAY // 1000, UTC):%Y-%m-%d}", "images": n, "bytes": int(size)}
            for at, n, size in rows
        ]

    def _delete(self, given: str, image_id: str) -> Entry:
        try:
            gone = self.rows.remove(image_id)
        except OUT_OF_REACH:
            return {"image": given, "deleted": False, "fault": "the database could not be reached"}
        entry = {"image": gone[0] if gone else given, "deleted": bool(gone)}
        try:
            self.blobs.delete(*gone)
        except OSError:
            return entry | {"fault": "its bytes could not be removed now", "way_out": WAYS_OUT["orphan"]}
        return entry

    def _faulty_rows(self, stored: dict[str, int], *, deep: bool) -> Iterator[tuple[str, str]]:
        """Removes from `stored` what has a row. Expired images are the cleanup's, with bytes or without."""
        for name, size in self._rows():
            fault = self._fault(name, size, stored.pop(name, None), deep=deep)
            if fault and not self.rows.unknown([name]):  # it is still here
                yield name, fault

    def _rows(self) -> Iterator[tuple[str, int]]:
        last, alive = "", _ALL.c.expires_at.is_(None) | (_ALL.c.expires_at > self.now())
        while True:
            query = select(_ALL).where(_ALL.c.id > last, alive).order_by(_ALL.c.id).limit(_PAGE)
            with self.rows.database.reading() as connection:
                rows = connection.execute(query).all()
            yield from ((f"{row.id}.{row.extension}", row.size_bytes) for row in rows)
            if len(rows) < _PAGE:
                return
            last = rows[-1].id

    def _fault(self, name: str, size: int, found: int | None, *, deep: bool) -> str:
        try:
            if found is None or deep:  # a row that is newer than the list still has its bytes
                data = self.blobs.read(name, 0, size)
                found = len(data) if found is None else found
        except FileNotFoundError:
            return "missing"
        if found != size:
            return "wrong size"
        return "wrong type" if deep and not _is_what_it_says(name, data) else ""

    def _orphans(self, stored: dict[str, int]) -> Iterator[tuple[str, str]]:
        """Bytes without a row that cannot be an upload whose row is about to be written."""
        old = (name for name, _ in self.blobs.sizes(self.now() - GRACE) if name in stored and parse_name(name))
        for name in old:
            if self.rows.unknown([name]):
                yield name, "orphan"


def _wanted(
    kind: str | None, since: datetime | None, before: datetime | None, larger: int | None
) -> ColumnElement[bool]:
    """None: all. `kind` is free, paid or private; the moments are upload times."""
    conditions = [
        _KINDS[kind] if kind else None,
        _ALL.c.created_at >= since if since else None,
        _ALL.c.created_at < before if before else None,
        _ALL.c.size_bytes > larger if larger is not None else None,
    ]
    return and_(True, *(it for it in conditions if it is not None))


def _entry(row: Any) -> Entry:  # noqa: ANN401  # of _ALL
    return {
        "image": f"{row.id}.{row.extension}",
        "kind": _KIND[None if row.paid is None else bool(row.paid)],
        "type": _MEDIA_TYPES[row.extension],
        "bytes": row.size_bytes,
        "created_at": row.created_at,
        "expires_at": row.expires_at,
    }


def _id_in(given: str) -> str:
    name = given.rpartition("/")[2]
    image_id, dot, _ = name.partition(".")
    if not parse_name(name if dot else f"{image_id}.{FORMATS[0].extension}"):
        raise SettingsError(f"{quoted(given)} does not name an image of a host; give its id, its name or its URL.")
    return image_id


def _is_what_it_says(name: str, data: bytes) -> bool:
    try:
        return repaired(data).picture.format.extension == name.rpartition(".")[2]
    except NotAnImage:
        return False
