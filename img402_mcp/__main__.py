"""`img402-mcp` and `python -m img402_mcp`."""

import errno
import gc
import logging
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from io import TextIOWrapper
from typing import TextIO

from img402_mcp.cli import COMPLETION
from img402_mcp.errors import Img402Error, SettingsError

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


def main() -> None:
    # Imported modules live as long as the process: collecting them again and again takes a fifth of the start-up time.
    gc.disable()
    _open_closed_descriptors()
    code = ending(sys.argv[1:])
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except (OSError, ValueError):  # its reader has gone, or its disk is full: the rest of its buffer is discarded
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    sys.exit(code)


def _open_closed_descriptors() -> None:
    """The next opened file, such as a database, would take the number of a closed one and get what is printed."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def ending(arguments: Sequence[str]) -> int:
    """The exit code. 0: done; 1: an upload failed, or the output was not written; 2: unusable settings or flags."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        code = _run(arguments)
        if sys.stdout:
            sys.stdout.flush()
    except Img402Error as error:
        print(f"img402-mcp: {error}", file=sys.stderr)  # noqa: T201  # stderr is for people, also on stdio
        return 2 if isinstance(error, SettingsError) else 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of our output has gone
        return 1
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        with suppress(OSError):  # stderr may be that file, too
            print(f"img402-mcp: The output cannot be written: {error.strerror}.", file=sys.stderr)  # noqa: T201
        return 1
    return code


def _run(arguments: Sequence[str]) -> int:
    """Agents start the server without loading the command line; people and shell completion use the rest."""
    completion = os.environ.get(COMPLETION)
    if not (arguments or completion):
        from img402_mcp.mcp_server.serve import serve  # noqa: PLC0415  # --help needs none of it
        from img402_mcp.mcp_server.settings import ServeFlags  # noqa: PLC0415

        return serve(os.environ, ServeFlags())
    from img402_mcp.cli import main as command_line  # noqa: PLC0415  # click costs start-up time

    # Python has None in place of a stream that was closed from the start.
    sys.stdin = sys.stdin or open(0, closefd=False)  # noqa: SIM115
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        _set_encoding(stream, errors="backslashreplace", newline="\n")
    _set_encoding(sys.stdin)
    return command_line.complete(completion) if completion else command_line.run(arguments)


def _set_encoding(stream: TextIO, *, errors: str | None = None, newline: str | None = None) -> None:
    """Files and pipes have UTF-8 on every system; a terminal keeps its own encoding.

    A name that a terminal cannot show must not cost the URL next to it.
    """
    if not isinstance(stream, TextIOWrapper):  # a test's
        return
    if not stream.isatty():
        stream.reconfigure(encoding="utf-8", errors=errors, newline=newline)
    elif errors:
        stream.reconfigure(errors=errors)


if __name__ == "__main__":
    main()
