import argparse
from collections.abc import Callable, Sequence

from img402_mcp.cli.shells import bash, fish, zsh
from img402_mcp.cli.shells.subcommands import Subcommand, subcommands

SUMMARY = "Print the script that completes commands, flags and file names in a shell."

SHELLS: dict[str, Callable[[Sequence[Subcommand]], str]] = {"bash": bash.script, "zsh": zsh.script, "fish": fish.script}


def add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", metavar="SHELL", choices=[*SHELLS], help="bash, zsh or fish")


def run(flags: argparse.Namespace) -> int:
    print(SHELLS[flags.shell]([*subcommands(flags.whole())]), end="")
    return 0
