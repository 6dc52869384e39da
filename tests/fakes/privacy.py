"""macOS's privacy protection, made on Linux: a system call filter answers EPERM where that would.

It denies what TCC denies in a protected folder, listing it and opening its files, and not what TCC lets through:
looking at a name (lstat) and passing through a folder. It holds for the rest of this process.
"""

import ctypes
import errno
import os
import platform
import struct

OPENAT = {"x86_64": 257, "aarch64": 56}[platform.machine()]
_LOAD, _SAME, _ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
_NUMBER, _FLAGS = 0, 16 + 2 * 8  # where struct seccomp_data has them
_ALLOW, _EPERM = 0x7FFF_0000, 0x0005_0000 | errno.EPERM
_NO_NEW_PRIVILEGES, _SECCOMP, _FILTER = 38, 22, 2


def deny() -> None:
    """Files are opened without waiting (O_NONBLOCK) by the product alone, and folders for listing as O_DIRECTORY."""
    program = b"".join(
        struct.pack("=HBBI", *step)
        for step in (
            (_LOAD, 0, 0, _NUMBER),
            (_SAME, 0, 4, OPENAT),
            (_LOAD, 0, 0, _FLAGS),
            (_ANY_BIT, 2, 0, os.O_PATH),
            (_ANY_BIT, 0, 1, os.O_NONBLOCK | os.O_DIRECTORY),
            (_RETURN, 0, 0, _EPERM),
            (_RETURN, 0, 0, _ALLOW),
        )
    )
    steps = ctypes.create_string_buffer(program)
    header = struct.pack("@HxxxxxxP", len(program) // 8, ctypes.addressof(steps))
    libc = ctypes.CDLL(None, use_errno=True)
    for call in ((_NO_NEW_PRIVILEGES, 1, 0, 0, 0), (_SECCOMP, _FILTER, ctypes.create_string_buffer(header), 0, 0)):
        if libc.prctl(*call):
            raise OSError(ctypes.get_errno(), "prctl")
