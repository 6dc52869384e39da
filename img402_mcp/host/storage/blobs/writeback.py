"""Asks the system to begin writing a file to the disk, so that to sync it later takes less waiting."""

import ctypes
import sys

_WRITE = 2  # SYNC_FILE_RANGE_WRITE
# Linux's alone, and in no module of Python's.
_SYNC_FILE_RANGE = getattr(ctypes.CDLL(None), "sync_file_range", None) if sys.platform == "linux" else None
if _SYNC_FILE_RANGE is not None:
    _SYNC_FILE_RANGE.argtypes = ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint


def begin_writeback(descriptor: int) -> None:
    """Of what was written so far. Waits for nothing and promises nothing: a promise needs a sync."""
    if _SYNC_FILE_RANGE is not None:
        _SYNC_FILE_RANGE(descriptor, 0, 0, _WRITE)
