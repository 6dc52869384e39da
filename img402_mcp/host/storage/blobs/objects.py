"""Blobs in an object store: S3 and what speaks like it (R2, ...), Google's, Azure's.

obstore reads their settings from the environment (AWS_*, GOOGLE_*, AZURE_*), so that no key is ever part of ours.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from threading import Semaphore
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import BaseError
from obstore.store import ObjectStore, S3Store, from_url

from img402_mcp.errors import SettingsError, quoted
from img402_mcp.host.private_files import private_folder
from img402_mcp.host.storage.blobs.base import Content
from img402_mcp.host.storage.cache import RecentBytes
from img402_mcp.host.storage.images import PRIVATE_ID, parse_name

if TYPE_CHECKING:
    from obstore import Attributes

PART = 5 * 1_048_576  # the smallest that S3 takes, and what one upload holds in memory
SMALL = 1_048_576
LARGE_AT_ONCE = 6  # 30 MB of parts in memory, however many upload
TOGETHER = 32 * 1_048_576  # of small images in memory: to read one again is a round trip
LISTED = 1000  # names an answer, which is S3's own page
_CODES = re.compile(r"status code: \d{3}|<Code>\w{1,64}</Code>|error sending request|TimedOut|after \d+ retries")


@dataclass(frozen=True)
class StoreTimeouts:
    """How long a store may fail or keep silent: a request, and its last new try, counted from the first one."""

    request: timedelta = timedelta(seconds=20)  # a part of 5 MB at 2 Mbit/s
    connect: timedelta = timedelta(seconds=5)
    new_tries: timedelta = timedelta(seconds=15)  # so that silence is waited for once, and an error is tried again


class Objects:
    """Several hosts may share it; `spool` is each one's own."""

    def __init__(
        self, store: ObjectStore, folder: Path, timeouts: StoreTimeouts | None = None, max_age: int | None = None
    ) -> None:
        self.spool = private_folder(private_folder(folder) / "incoming")
        self._store, self._wait = store, (timeouts or StoreTimeouts()).request.total_seconds()
        self._large, self._recent, self._max_age = Semaphore(LARGE_AT_ONCE), RecentBytes(TOGETHER), max_age

    def put(self, name: str, content: Content) -> None:
        if isinstance(content, Path):
            self._put_file(name, content)
        else:
            with _errors_as_os_errors():
                obstore.put(self._store, name, content, attributes=self._attributes(name))

    def _put_file(self, name: str, file: Path) -> None:
        """Streamed, one part after the other."""
        turn = nullcontext() if file.stat().st_size <= SMALL else self._one_of_the_large()
        with turn, file.open("rb") as content, _errors_as_os_errors():
            attributes = self._attributes(name)
            obstore.put(self._store, name, content, attributes=attributes, chunk_size=PART, max_concurrency=1)
        file.unlink()

    def _attributes(self, name: str) -> "Attributes | None":
        """What an edge tells its readers of an image. Where there is none the host says it all."""
        parsed = parse_name(name)
        if self._max_age is None or parsed is None or name.startswith(PRIVATE_ID):
            return None
        return {"Content-Type": parsed[1].media_type, "Cache-Control": f"public, max-age={self._max_age}"}

    def read(self, name: str, start: int, length: int) -> bytes:
        if not length:
            return b""
        with _errors_as_os_errors():
            data = bytes(obstore.get_range(self._store, name, start=start, length=length))
        if not start:
            self._recent.put(name, data)
        return data

    def read_if_cached(self, name: str, length: int) -> bytes | None:
        return self._recent.get(name, length)

    def delete(self, *names: str) -> None:
        """S3 takes many names at once, and a missing one is fine there; the others have one request for each."""
        for some in [[*names]] if isinstance(self._store, S3Store) else [[name] for name in names]:
            with suppress(FileNotFoundError), _errors_as_os_errors():
                obstore.delete(self._store, some)

    def sizes(self, before: datetime) -> Iterator[tuple[str, int]]:
        with _errors_as_os_errors():
            for entries in obstore.list(self._store, chunk_size=LISTED):
                yield from ((entry["path"], entry["size"]) for entry in entries if entry["last_modified"] < before)

    @contextmanager
    def _one_of_the_large(self) -> Iterator[None]:
        if not self._large.acquire(timeout=self._wait):
            raise OSError("The object store is slow: too many large images are already waiting for it.")
        try:
            yield
        finally:
            self._large.release()


def open_objects(url: str, folder: Path, timeouts: StoreTimeouts | None = None, max_age: int | None = None) -> Objects:
    """`url`: s3://bucket/prefix, gs://..., az://...; nothing is asked of the store yet.

    `max_age`: for so many seconds an edge may keep an image; None: there is no edge.
    """
    timeouts = timeouts or StoreTimeouts()
    try:
        store = from_url(
            url,
            # Who writes http:// into the endpoint means it; without an endpoint it is https.
            client_options={"allow_http": True, "timeout": timeouts.request, "connect_timeout": timeouts.connect},
            retry_config={"max_retries": 2, "retry_timeout": timeouts.new_tries},
        )
    except BaseError as error:
        reason = str(error).partition("\n")[0]
        raise SettingsError(
            f"IMG402_HOST_BLOBS names {quoted(url)}, which cannot be opened: {quoted(reason)}. Its keys and its "
            "endpoint come from AWS_*, GOOGLE_* or AZURE_* in the environment."
        ) from None
    return Objects(store, folder, timeouts, max_age)


@contextmanager
def _errors_as_os_errors() -> Iterator[None]:
    """Only what is known to be harmless of a store's error is passed on: the rest may hold keys or signed URLs."""
    try:
        yield
    except (BaseError, FileNotFoundError) as error:
        text = str(error)
        codes = ", ".join(dict.fromkeys(_CODES.findall(text))) or "no reason given"
        sentence = f"The object store failed: {type(error).__name__} ({codes})"
        missing = isinstance(error, FileNotFoundError) and "NoSuchBucket" not in text
        raise (FileNotFoundError if missing else OSError)(sentence) from None
