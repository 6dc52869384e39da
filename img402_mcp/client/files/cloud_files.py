"""Files that are only in a cloud drive: the first read downloads them, which may take longer than a call may last.

Sources: macOS, `SF_DATALESS` in sys/stat.h; Windows, "File Attribute Constants".
"""

import os
import re
from concurrent.futures import Future
from threading import BoundedSemaphore, Thread

from img402_mcp.client.files.refusal import FileRefused

SECONDS = 20.0
"""A tool call has 50, and must still upload the file."""
READERS = BoundedSemaphore(20)
"""The most threads that wait for a download, including abandoned ones; as many as a batch has files in progress."""
_DATALESS = 0x4000_0000
_OFFLINE, _RECALL_ON_OPEN, _RECALL_ON_DATA_ACCESS = 0x1000, 0x4_0000, 0x40_0000
_ELSEWHERE = _OFFLINE | _RECALL_ON_OPEN | _RECALL_ON_DATA_ACCESS

NOT_DOWNLOADED = "is kept by iCloud and is not downloaded yet"
HOW_TO_DOWNLOAD = "Open it once, or choose Download Now in the Finder, and try again."
_STUB = re.compile(r"\.(?P<name>.+)\.icloud", re.DOTALL)


def stub_of(name: str) -> str:
    """What iCloud leaves of a file that it keeps elsewhere: `.shot.png.icloud` stands for `shot.png`."""
    return f".{name}.icloud"


def kept_by_icloud(name: str) -> str:
    """The file that a stub stands for; empty: the name is not a stub's."""
    stub = _STUB.fullmatch(name)
    return stub["name"] if stub else ""


def is_elsewhere(flags: int, attributes: int) -> bool:
    """By `st_flags` on macOS, and by `st_file_attributes` on Windows."""
    return bool(flags & _DATALESS or attributes & _ELSEWHERE)


def downloaded(descriptor: int, most: int, seconds: float = SECONDS) -> bytes:
    """Reads at most so many bytes. Raises FileRefused if that takes too long, and OSError.

    Such a read cannot be interrupted, so its thread is abandoned, with its own descriptor.
    """
    if not READERS.acquire(timeout=seconds):
        raise _late(seconds)
    result: Future[bytes] = Future()
    Thread(target=_read, args=(os.dup(descriptor), most, result), daemon=True).start()
    try:
        return result.result(timeout=seconds)
    except TimeoutError:
        raise _late(seconds) from None


def _late(seconds: float) -> FileRefused:
    return FileRefused(
        f"is kept by a cloud drive and was not downloaded within {seconds:g} seconds",
        "Open it once, or have the drive keep it on this device, and try again.",
    )


def _read(descriptor: int, most: int, result: "Future[bytes]") -> None:
    try:
        with open(descriptor, "rb") as file:
            result.set_result(file.read(most))
    except OSError as error:
        result.set_exception(error)
    finally:
        READERS.release()
