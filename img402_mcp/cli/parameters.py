"""Shared by the commands: types of arguments and flags, their completion in a shell, and how a command runs."""

from contextlib import nullcontext
from importlib import import_module
from types import SimpleNamespace as Flags
from typing import TYPE_CHECKING

import click

from img402_mcp.caller import a_person
from img402_mcp.errors import quoted

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


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


def perform(command: str, flags: dict[str, object], action: str = "") -> int:
    """`serve` runs a server, whose messages go to a model."""
    with nullcontext() if command == "serve" else a_person():
        code: int = import_module(f"img402_mcp.cli.{command}").run(Flags(action=action, **flags))
    return code
