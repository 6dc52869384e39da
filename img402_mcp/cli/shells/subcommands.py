"""Where a cursor can be, and what may follow there, read from an argparse parser."""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

FILE_METAVARS = ("PATH", "FILE")
FOLDER_METAVARS = ("DIR",)


@dataclass(frozen=True)
class Flag:
    names: tuple[str, ...]
    description: str
    takes: bool
    choices: tuple[str, ...] = ()
    files: bool = False
    folders: bool = False


@dataclass(frozen=True)
class Subcommand:
    """`path` is the words that led here: empty, `upload`, `wallet new`."""

    path: str
    words: tuple[tuple[str, str], ...]
    """Each with what is told of it."""
    flags: tuple[Flag, ...]
    files: bool


def subcommands(parser: argparse.ArgumentParser, path: str = "") -> Iterator[Subcommand]:
    """The place of the parser itself, and those of its commands after it."""
    actions = parser._actions  # noqa: SLF001  # argparse tells what it knows in no other way
    plain = [action for action in actions if not action.option_strings]
    flags = tuple(_flag(action) for action in actions if action.option_strings and action.help != argparse.SUPPRESS)
    words = tuple(word for action in plain for word in _words(action))
    yield Subcommand(path, words, flags, files=any(action.metavar in FILE_METAVARS for action in plain))
    for action in plain:
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for name, command in action.choices.items():
                yield from subcommands(command, f"{path} {name}".strip())


def _flag(action: argparse.Action) -> Flag:
    return Flag(
        tuple(action.option_strings),
        action.help or "",
        takes=action.nargs != 0,
        choices=tuple(map(str, action.choices or ())),
        files=action.metavar in FILE_METAVARS,
        folders=action.metavar in FOLDER_METAVARS,
    )


def _words(action: argparse.Action) -> Iterator[tuple[str, str]]:
    if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
        description = {each.dest: each.help or "" for each in action._choices_actions}  # noqa: SLF001
        yield from ((name, description.get(name, "")) for name in action.choices)
    else:
        yield from ((str(choice), "") for choice in action.choices or ())
