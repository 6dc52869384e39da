"""A program of its own that starts in milliseconds: it is the fork of one that has imported everything.

For programs that a test talks to. How the real one starts, and what it imports, is tested with the real one.
"""

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from os import fdopen
from typing import cast

IMPORTED = (
    "img402_mcp.cli.host",
    "img402_mcp.cli.serve",
    "img402_mcp.host.app",
    "img402_mcp.host.http.connection",
    "img402_mcp.host.http.draining",
    "img402_mcp.host.observability.access_log",
    "img402_mcp.mcp_server.server",
    "mcp.server.sse",
    "mcp.server.streamable_http_manager",
    "uvicorn",
)
Main = Callable[[], object]


def img402_mcp() -> None:
    from img402_mcp.__main__ import main  # noqa: PLC0415  # in the fork alone: this process is pytest's

    main()


class Program:
    """What is used of a `subprocess.Popen`. Both output streams are its `stdout`."""

    def __init__(self, words: list[str], environ: Mapping[str, str], umask: int, main: Main) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([*IMPORTED])
        ours, theirs = context.Pipe(duplex=False)
        with ours, theirs:
            self.stdout = fdopen(os.dup(ours.fileno()), encoding="utf-8")  # `started` closes it
            self._process = context.Process(target=_begin, args=(words, dict(environ), umask, main, theirs))
            self._process.start()
        self.pid = self._process.pid or 0

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def wait(self, timeout: float) -> int:
        self._process.join(timeout)
        assert self.returncode is not None
        return self.returncode


def _begin(words: list[str], environ: dict[str, str], umask: int, main: Main, output: Connection) -> None:
    os.environ.clear()
    os.environ.update(environ)
    for number in (1, 2):
        os.dup2(output.fileno(), number)
    output.close()
    # As in a new interpreter. The old ones would seek, since they wrote to files.
    sys.stdout, sys.stderr = (open(number, "w", buffering=1, closefd=False) for number in (1, 2))  # noqa: SIM115
    if umask >= 0:
        os.umask(umask)
    sys.argv[1:] = words
    main()


@contextmanager
def started(*words: object, environ: Mapping[str, str], umask: int = -1, main: Main = img402_mcp) -> Iterator[Program]:
    """`img402-mcp` with these arguments, or another `main`. Leaving the block terminates it."""
    program = (Program if hasattr(os, "fork") else _popen)([*map(str, words)], environ, umask, main)
    try:
        yield program
    finally:
        program.terminate()
        program.stdout.close()
        program.wait(30)


def _popen(words: list[str], environ: Mapping[str, str], _umask: int, main: Main) -> Program:
    """The same where nothing can be forked."""
    code = f"from {main.__module__} import {main.__name__}; {main.__name__}()"
    command, pipe = [sys.executable, "-c", code, *words], subprocess.PIPE
    return cast("Program", subprocess.Popen(command, env=environ, stdout=pipe, stderr=subprocess.STDOUT, text=True))
