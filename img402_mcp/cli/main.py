"""The table of commands. Without one, `img402-mcp` serves MCP over stdio: see `__main__`."""

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module

from img402_mcp import __version__

COMMANDS = ("serve", "upload", "publish", "history", "allow", "doctor", "wallet", "price", "host", "completion", "demo")
"""Each a room of that name in `commands`, imported only when it is the one that runs.

`run` gets the flags and, as `whole`, a function that makes the parser of all commands.
"""


def parsed(arguments: Sequence[str]) -> Callable[[], int]:
    """The command that the arguments ask for, ready to run."""
    flags = parser(arguments).parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = flags.command
    return partial(command, flags)


def parser(arguments: Sequence[str] = ()) -> argparse.ArgumentParser:
    """Of all commands, or of the one that the arguments name."""
    made = argparse.ArgumentParser(
        prog="img402-mcp", description="A local image becomes a public URL. Without a command: serve MCP over stdio."
    )
    made.add_argument("--version", action="version", version=f"img402-mcp {__version__}")
    commands = made.add_subparsers(metavar="COMMAND", required=True)
    named = [name for name in COMMANDS if name in arguments[:1]]
    for name in named or COMMANDS:
        room = import_module(f"img402_mcp.cli.{name}")
        subparser = commands.add_parser(name, help=room.SUMMARY, description=room.SUMMARY)
        room.add_flags(subparser)
        subparser.set_defaults(command=room.run, whole=parser)
    return made
