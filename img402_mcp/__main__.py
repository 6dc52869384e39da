"""`img402-mcp` and `python -m img402_mcp`."""

import gc
import logging
import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from typing import TextIO

from img402_mcp.cli import COMPLETION
from img402_mcp.errors import Img402Error, SettingsError


def main() -> None:
    # Imported modules live as long as the process: collecting them again and again takes a fifth of the start-up time.
    gc.disable()
    code = ending(sys.argv[1:])
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):  # closed from the start, or its reader has gone
            _silence(stream)
    sys.exit(code)


def ending(arguments: Sequence[str]) -> int:
    """The exit code. 0: done; 1: an upload failed; 2: unusable settings or flags."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        return _run(arguments)
    except Img402Error as error:
        print(f"img402-mcp: {error}", file=sys.stderr)  # noqa: T201  # stderr is for people, also on stdio
        return 2 if isinstance(error, SettingsError) else 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of our output has gone
        return 1


def _silence(stream: TextIO | None) -> None:
    """Discards the rest of its buffer, so that the interpreter's own flush at the end does not fail."""
    if stream is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _run(arguments: Sequence[str]) -> int:
    """Agents start the server without loading the command line; people and shell completion use the rest."""
    completion = os.environ.get(COMPLETION)
    if not (arguments or completion):
        from img402_mcp.mcp_server.serve import serve  # noqa: PLC0415  # --help needs none of it
        from img402_mcp.mcp_server.settings import ServeFlags  # noqa: PLC0415

        return serve(os.environ, ServeFlags())
    from img402_mcp.cli import main as command_line  # noqa: PLC0415  # click costs start-up time

    for stream in (sys.stdout, sys.stderr):
        _set_encoding(stream, errors="backslashreplace", newline="\n")
    _set_encoding(sys.stdin)
    return command_line.complete(completion) if completion else command_line.run(arguments)


def _set_encoding(stream: TextIO | None, *, errors: str | None = None, newline: str | None = None) -> None:
    """Files and pipes have UTF-8 on every system; a terminal keeps its own encoding.

    A name that a terminal cannot show must not cost the URL next to it.
    """
    if not isinstance(stream, TextIOWrapper):  # it was closed from the start
        return
    if not stream.isatty():
        stream.reconfigure(encoding="utf-8", errors=errors, newline=newline)
    elif errors:
        stream.reconfigure(errors=errors)


if __name__ == "__main__":
    main()
