"""A person at a terminal, who types an answer to whatever is asked."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


def typed(command: Sequence[str], answer: str, env: Mapping[str, str], here: Path) -> tuple[int, str]:
    """The exit code, and all that is shown."""
    ours, theirs = os.openpty()
    with subprocess.Popen(command, env=env, cwd=here, stdin=theirs, stdout=theirs, stderr=theirs) as program:
        os.write(ours, answer.encode())
        code = program.wait(timeout=30)
    os.close(theirs)
    shown = b""
    while piece := _read(ours):
        shown += piece
    os.close(ours)
    return code, shown.decode().replace("\r\n", "\n")


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65_536)
    except OSError:  # the other end is closed
        return b""
