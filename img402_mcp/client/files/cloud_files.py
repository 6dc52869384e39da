"""Files that a cloud drive keeps elsewhere: the first read downloads them, which may take longer than a call has.

Sources: macOS, `SF_DATALESS` in sys/stat.h; Windows, "File Attribute Constants".
"""

import os
from concurrent.futures import Future
from threading import BoundedSemaphore, Thread

from img402_mcp.client.files.refusal import FileRefused

SECONDS = 20.0
"""A call of a tool has 50, and must still upload what was read."""
READERS = BoundedSemaphore(20)
"""Threads that wait for a download, those that were left behind too; as many as files of a batch are under way."""
_DATALESS = 0x4000_0000
_OFFLINE, _RECALL_ON_OPEN, _RECALL_ON_DATA_ACCESS = 0x1000, 0x4_0000, 0x40_0000
_ELSEWHERE = _OFFLINE | _RECALL_ON_OPEN | _RECALL_ON_DATA_ACCESS


def is_elsewhere(flags: int, attributes: int) -> bool:
    """By `st_flags`, as macOS has it, and `st_file_attributes`, as Windows has it."""
    return bool(flags & _DATALESS or attributes & _ELSEWHERE)


def downloaded(descriptor: int, most: int, seconds: float = SECONDS) -> bytes:
    """What is read, at most so many bytes. Raises FileRefused where it takes too long, and OSError.

    Nothing interrupts such a read, so the thread that waits for it is left behind, with a descriptor of its own.
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
