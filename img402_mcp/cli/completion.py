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
    """zsh's own function for files looks at what follows the sign of `--out=a`."""

    source_template = ZshComplete.source_template.replace("_path_files", "compset -P '--*='; _path_files")


@add_completion_class
class Fish(_WholeWords, FishComplete):
    """fish completes files as for any program, so that it knows `~` and quotes. A completion replaces the word."""

    source_template = """\
function %(complete_func)s
    set -l word (commandline --current-token)
    set -l asking COMP_WORDS=(commandline --cut-at-cursor --current-process) COMP_CWORD=$word
    for found in (env %(complete_var)s=fish_complete $asking %(prog_name)s)
        set -l each (string split --max 1 , $found)
        switch $each[1]
            case dir
                __fish_complete_directories $word
            case file
                complete --do-complete "'' $word"
            case plain
                echo $each[2]
        end
    end
end

complete --no-files --command %(prog_name)s --arguments "(%(complete_func)s)"
"""


def complete(main: click.Group, instruction: str) -> int:
    return shell_complete(main, {}, PROGRAM, COMPLETION, instruction)
