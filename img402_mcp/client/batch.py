"""Uploads many files: each in the same way, several at a time, and a failure does not hide the others. At most AT_ONCE
files are in progress, with at most MAX_BYTES of them in memory (a single file may have more); a file is in memory
twice while it is scrubbed.
"""

import logging
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio
from anyio.to_thread import run_sync

from img402_mcp.client.api_limits import expiry_note
from img402_mcp.client.files.roots import Roots
from img402_mcp.client.files.safe_glob import expanded
from img402_mcp.client.upload import Progress, Upload
from img402_mcp.errors import Img402Error, NotReached, ReadRefused, UploadFailed, UploadRejected, quoted

AT_ONCE = 20
MAX_BYTES = 64_000_000
MAX_FILES = 100
"""In one tool call: an answer of some thousand tokens."""
PARTS = 100  # of the progress of one file
LIMIT_CODES = frozenset({"daily_limit", "too_many"})
# The API was asked three times for each of these files.
MAX_FAILURES_IN_A_ROW = 3

UploadOne = Callable[[str, Progress | None], Awaitable[Upload]]
_log = logging.getLogger("img402_mcp.client.batch")


@dataclass(frozen=True)
class Success:
    path: str
    upload: Upload


@dataclass(frozen=True)
class Failure:
    path: str
    error: Img402Error

    @property
    def may_pass(self) -> bool:
        """Nothing is wrong with the file itself: it may succeed later."""
        return isinstance(self.error, UploadFailed) or _is_limit(self.error)


@dataclass(frozen=True)
class Batch:
    """What became of each file, in the order of the paths."""

    paths: tuple[str, ...]
    uploads: tuple[Success, ...] = ()
    failures: tuple[Failure, ...] = ()
    unsent: tuple[str, ...] = ()
    """Not tried after `stopped_by`."""
    stopped_by: Img402Error | None = None

    @property
    def retry(self) -> tuple[str, ...]:
        again = {*self.unsent, *(failure.path for failure in self.failures if failure.may_pass)}
        return tuple(path for path in self.paths if path in again)


class _ByteBudget:
    def __init__(self) -> None:
        self._files = self._bytes = 0
        self._freed = anyio.Condition()

    async def take(self, size: int) -> None:
        async with self._freed:
            while self._files and (self._files >= AT_ONCE or self._bytes + size > MAX_BYTES):
                await self._freed.wait()
            self._files += 1
            self._bytes += size

    async def give(self, size: int) -> None:
        async with self._freed:
            self._files -= 1
            self._bytes -= size
            self._freed.notify()


class _Whole:
    """The progress of all files together: a hundred parts for each, never backwards."""

    def __init__(self, files: int, progress: Progress | None) -> None:
        self._progress, self._total = progress, files * PARTS
        self._parts: dict[str, int] = {}
        self._reported = 0
        self._lock = anyio.Lock()

    def of(self, path: str) -> Progress | None:
        async def progress(sent: int, total: int) -> None:
            await self._reached(path, PARTS * sent // total)

        return progress if self._progress else None

    async def done(self, path: str) -> None:
        await self._reached(path, PARTS)

    async def _reached(self, path: str, parts: int) -> None:
        if self._progress is None:
            return
        async with self._lock:
            self._parts[path] = max(parts, self._parts.get(path, 0))
            if (now := sum(self._parts.values())) > self._reported:
                self._reported = now
                await self._progress(now, self._total)


class _Run:
    def __init__(self, upload: UploadOne, whole: _Whole) -> None:
        self._upload, self._whole = upload, whole
        self.bytes_in_flight = _ByteBudget()
        self.uploads: dict[str, Upload] = {}
        self.failures: dict[str, Img402Error] = {}
        self.stopped_by: Img402Error | None = None
        self._in_a_row = 0

    async def one(self, path: str, size: int) -> None:
        try:
            self.uploads[path] = await self._upload(path, self._whole.of(path))
            self._in_a_row = 0
        except Img402Error as error:
            self._failed(path, error)
        except Exception as error:  # noqa: BLE001  # a defect that one file meets must not lose the others' URLs
            _log.exception("An upload failed unexpectedly.")
            reason = f"It failed unexpectedly ({type(error).__name__}); see the log."
            self._failed(path, UploadFailed(reason))
        await self._whole.done(path)
        await self.bytes_in_flight.give(size)

    def _failed(self, path: str, error: Img402Error) -> None:
        self.failures[path] = error
        self._in_a_row += isinstance(error, UploadFailed)
        if _is_limit(error) or isinstance(error, NotReached) or self._in_a_row >= MAX_FAILURES_IN_A_ROW:
            self.stopped_by = self.stopped_by or error


async def upload_matching(
    upload: UploadOne,
    patterns: Sequence[str],
    roots: Roots,
    progress: Progress | None = None,
    *,
    most: int = MAX_FILES,
) -> Batch:
    """Uploads all files that match. Raises ReadRefused if there are none, or more than `most`."""
    demand_few(len(patterns), most)
    found = await run_sync(expanded, patterns, roots)
    demand_few(len(found.paths) or len(found.refused), most)
    batch = await upload_batch(upload, found.paths, progress, found.sizes)
    refused = [Failure(pattern, error) for pattern, error in found.refused]
    return Batch(batch.paths, batch.uploads, (*refused, *batch.failures), batch.unsent, batch.stopped_by)


async def upload_batch(
    upload: UploadOne,
    paths: Iterable[str],
    progress: Progress | None = None,
    sizes: Mapping[str, int] | None = None,
) -> Batch:
    """`sizes` in bytes bound what is in memory. Once the API takes no more or is not reached, none is started."""
    distinct = tuple(dict.fromkeys(paths))
    run = _Run(upload, _Whole(len(distinct), progress))
    async with anyio.create_task_group() as tasks:
        for path in distinct:
            size = (sizes or {}).get(path, 0)
            await run.bytes_in_flight.take(size)
            if run.stopped_by:
                break
            tasks.start_soon(run.one, path, size)
    return Batch(
        distinct,
        tuple(Success(path, run.uploads[path]) for path in distinct if path in run.uploads),
        tuple(Failure(path, run.failures[path]) for path in distinct if path in run.failures),
        tuple(path for path in distinct if path not in run.uploads and path not in run.failures),
        run.stopped_by,
    )


def demand_few(count: int, most: int) -> None:
    if not count:
        raise ReadRefused("paths is empty; name at least one file or pattern. Nothing was sent.")
    if count > most:
        raise ReadRefused(
            f"These are {count:,} files, and at most {most:,} go in one call: name fewer, or a narrower pattern. "
            "Nothing was sent."
        )


def _is_limit(error: Img402Error) -> bool:
    return isinstance(error, UploadRejected) and error.code in LIMIT_CODES


def lives_of(batch: Batch) -> str:
    """What the answers of a batch have in common: when the first image expires, and what would make them last."""
    living = [(each.upload.receipt.expires_at, each.upload.life) for each in batch.uploads]
    expiring = [(moment, life or expiry_note(moment)) for moment, life in living if moment]
    if len(batch.uploads) == 1 or not expiring:
        return "".join(life for _, life in expiring)
    advice = dict.fromkeys(life.partition(". ")[2] for _, life in expiring)
    first = min(moment for moment, _ in expiring)
    some = f"{len(expiring)} of {len(batch.uploads)} images expire, the first on {first:%Y-%m-%d}."
    return " ".join(filter(None, (some, *advice)))


def markdown(batch: Batch, *, pairs: bool = False) -> str:
    """One image a line; as `pairs` a table of two columns.

    Names that differ only in "before" and "after" are a pair, in any order; without such names the first two paths are
    a pair, then the next two. The cell of a file that failed is empty, so that no other image takes its place.
    """
    shown = {each.path: each.upload.markdown for each in batch.uploads}
    if not pairs or not shown:
        return "\n".join(shown.values())
    rows = _before_and_after(batch.paths)
    head = ("Before", "After") if rows else ("", "")
    rows = rows or [(batch.paths[at], "".join(batch.paths[at + 1 : at + 2])) for at in range(0, len(batch.paths), 2)]
    table = [head, ("---", "---"), *((shown.get(left, ""), shown.get(right, "")) for left, right in rows)]
    paired = {path for row in rows for path in row}
    rest = [text for path, text in shown.items() if path not in paired]
    return "\n".join([*(f"| {left} | {right} |" for left, right in table), *([""] if rest else []), *rest])


_MOMENT = re.compile(r"(?<![^\W\d_])(before|after)(?![^\W\d_])", re.IGNORECASE)


def _before_and_after(paths: Sequence[str]) -> list[tuple[str, str]]:
    """`login-before.png` and `login-after.png` are one row."""
    rows: dict[str, dict[str, str]] = {}
    for path in paths:
        if moment := _MOMENT.search(Path(path).stem):
            stem, start, end = moment.string, moment.start(), moment.end()
            without = str(Path(path).with_name(f"{stem[:start]}\0{stem[end:]}")).casefold()
            rows.setdefault(without, {}).setdefault(moment[1].lower(), path)
    return [(row["before"], row["after"]) for row in rows.values() if len(row) == 2]


def in_words(failure: Failure) -> str:
    """One line that names the file once."""
    name, text = quoted(failure.path), str(failure.error)
    return text if text.startswith(name) else f"{name}: {text}"
