"""A command in this process: quicker by a tenth of a second and more than `python -m img402_mcp`.

For commands of which a test looks at the exit code, the texts and the files. Where a real process, pipe or terminal
matters, the test starts one.
"""

import os
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from io import BytesIO, TextIOWrapper
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from img402_mcp.__main__ import ending


def run(
    *arguments: object, environ: Mapping[str, str], here: Path | None = None, stdin: bytes = b""
) -> CompletedProcess[str]:
    """With these variables alone: the exit code and the texts are those of a process."""
    words = [*map(str, arguments)]
    given, out, err = (TextIOWrapper(BytesIO(data), write_through=True) for data in (stdin, b"", b""))
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "stdin", given)
        for name in [*os.environ]:
            patch.delenv(name)
        for name, value in environ.items():
            patch.setenv(name, value)
        patch.chdir(here or Path.cwd())
        code = ending(words)
    return CompletedProcess(words, code, *(stream.buffer.getvalue().decode() for stream in (out, err)))
