"""click's completion: the script asks the program what may follow."""

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
    shell_complete,
)

from img402_mcp.cli import COMPLETION
from img402_mcp.cli.parameters import PROGRAM


@add_completion_class
class Bash(BashComplete):
    """Bash splits `--transport=sse` at the sign. Its version is not asked for."""

    def source(self) -> str:
        return ShellComplete.source(self)

    def get_completion_args(self) -> tuple[list[str], str]:
        words, incomplete = super().get_completion_args()
        return [word for word in words if word != "="], incomplete


class _WholeWords(ShellComplete):
    """A completion of `--transport=ss` replaces the whole word."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        flag, sign, _ = incomplete.partition("=")
        found = super().get_completions(args, incomplete)
        if sign and flag.startswith("--"):
            return [CompletionItem(f"{flag}={each.value}", each.type, each.help) for each in found]
        return found


@add_completion_class
class Zsh(_WholeWords, ZshComplete):
    pass


@add_completion_class
class Fish(_WholeWords, FishComplete):
    pass


def complete(main: click.Group, instruction: str) -> int:
    return shell_complete(main, {}, PROGRAM, COMPLETION, instruction)
