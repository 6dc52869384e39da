"""Files that another program holds open. Only Windows refuses to open, replace or delete those."""

import sys
from pathlib import Path

HELD = "is held open by another program; close it there, or try again"

if sys.platform == "win32":
    import _winapi

    _READ, _DELETE = 0x8000_0000, 0x1_0000
    _SHARED = 0x1 | 0x2 | 0x4  # shared with others who read, write and delete
    _OPEN_EXISTING = 3
    _HELD_BY_ANOTHER = (32, 33)  # a sharing violation, a locked part

    def is_held_open(path: Path, error: OSError, *, to_replace: bool = False) -> bool:
        """Asks Windows again: the C library's error is the same as for a forbidden file."""
        if not isinstance(error, PermissionError):
            return False
        access = _DELETE if to_replace else _READ
        try:
            handle = _winapi.CreateFile(str(path), access, _SHARED, 0, _OPEN_EXISTING, 0, 0)
        except OSError as refused:
            return refused.winerror in _HELD_BY_ANOTHER
        _winapi.CloseHandle(handle)
        return False

else:

    def is_held_open(path: Path, error: OSError, *, to_replace: bool = False) -> bool:  # noqa: ARG001  # elsewhere
        """An open file can be opened, replaced and deleted here."""
        return False
