"""Shared by the commands: the look of help and usage errors, types of arguments and flags, and how a command runs."""

import os
import sys
from contextlib import nullcontext
from importlib import import_module
from types import SimpleNamespace as Flags
from typing import TYPE_CHECKING

import click
from click.core import augment_usage_errors

from img402_mcp.caller import a_person
from img402_mcp.errors import printable, quoted

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

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

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Every usage error names the command, and `-json` is compared with the flags as a whole."""
        words = [*args]
        with augment_usage_errors(ctx):
            try:
                return super().parse_args(ctx, args)
            except click.NoSuchOption as error:
                if error.possibilities:
                    raise
                whole = next((word for word in words if word.startswith(error.option_name)), error.option_name)
                raise click.NoSuchOption(whole, possibilities=self._flags(ctx)) from None

    def _flags(self, ctx: click.Context) -> list[str]:
        options = [each for each in self.get_params(ctx) if isinstance(each, click.Option)]
        return [flag for each in options for flag in (*each.opts, *each.secondary_opts)]


class Group(Command, click.Group):
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


class Whole(click.ParamType[int]):
    """A whole number in the digits 0 to 9."""

    name = "number"

    def __init__(self, what: str, least: int, most: int) -> None:
        self._what, self._least, self._most = what, least, most

    def convert(self, value: int | str, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):  # the default
            return value
        if not (value.isascii() and value.isdigit() and len(value) < 16 and self._least <= int(value) <= self._most):
            self.fail(f"{quoted(value)} is not {self._what}; give {self._least} to {self._most}.", param, ctx)
        return int(value)


def files(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    return _offered(incomplete, "file")


def folders(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    return _offered(incomplete, "dir")


def _offered(incomplete: str, kind: str) -> "list[CompletionItem]":
    """The shell itself completes them."""
    from click.shell_completion import CompletionItem  # noqa: PLC0415  # only a shell needs it

    return [CompletionItem(incomplete, type=kind)]


allow_dir = click.option(
    "--allow-dir",
    "allow_dirs",
    multiple=True,
    metavar="DIR",
    shell_complete=folders,
    help="A folder whose images may be uploaded; repeatable.",
)


def perform(command: str, flags: dict[str, object], action: str = "run") -> int:
    """`serve` runs a server, whose messages go to a model."""
    with nullcontext() if command == "serve" else a_person():
        code: int = getattr(import_module(f"img402_mcp.cli.{command}"), action)(Flags(**flags))
    return code
