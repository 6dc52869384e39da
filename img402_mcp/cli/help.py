"""The look of help and usage errors: headings are bold on a terminal with colour."""

import os
import sys

import click

from img402_mcp.errors import printable

PROGRAM = "img402-mcp"
LONGEST_ERROR = 1000


class _Formatter(click.HelpFormatter):
    def write_heading(self, heading: str) -> None:
        super().write_heading(click.style(heading, bold=True))

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        super().write_usage(prog, args, prefix or f"{click.style('Usage:', bold=True)} ")


class _Context(click.Context):
    formatter_class = _Formatter


class Command(click.Command):
    context_class = _Context


class Group(click.Group):
    context_class = _Context
    command_class = Command
    group_class = type


def examples(*commands: str) -> str:
    return "\n".join(("\b", "Examples:", *(f"  {PROGRAM} {each}" for each in commands)))


def colour() -> bool | None:
    """None: colour if the output is a terminal."""
    return False if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" else None


def show(error: click.ClickException) -> None:
    """Prints the error in one line of our own form, and where to find help."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return
    said = error.format_message()[:LONGEST_ERROR]
    print(f"{PROGRAM}: {printable(said)}", file=sys.stderr)
    if isinstance(error, click.UsageError) and error.ctx:
        print(f"Try '{error.ctx.command_path} --help'.", file=sys.stderr)
