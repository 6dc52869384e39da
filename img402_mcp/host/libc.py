"""What Linux's C library has and no module of Python's. Elsewhere nothing happens."""

import ctypes
import sys
from typing import Any

_SYNC_FILE_RANGE_WRITE = 2
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # glibc's
KEPT = 32 * 1_048_576


def _function(name: str) -> Any:  # noqa: ANN401  # ctypes has no type for it
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None


_sync_file_range, _mallopt = _function("sync_file_range"), _function("mallopt")
if _sync_file_range is not None:
    _sync_file_range.argtypes = ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint


def begin_writeback(descriptor: int) -> None:
    """Of what was written so far, so that to sync it later takes less waiting.

    Waits for nothing and promises nothing: a promise needs a sync.
    """
    if _sync_file_range is not None:
        _sync_file_range(descriptor, 0, 0, _SYNC_FILE_RANGE_WRITE)


def keep_freed_memory() -> None:
    """Up to so many bytes, for the next body: page by page from the system they cost a fifth of an upload."""
    if _mallopt is not None:
        _mallopt(_MMAP_THRESHOLD, KEPT)
        _mallopt(_TRIM_THRESHOLD, KEPT)
