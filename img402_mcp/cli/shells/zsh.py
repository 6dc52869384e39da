"""For zsh, either evaluated or as a file `_img402-mcp` in the fpath."""

from collections.abc import Iterable, Iterator, Sequence

from img402_mcp.cli.shells.bash import filled, patterns
from img402_mcp.cli.shells.subcommands import Flag, Subcommand

_SCRIPT = r"""#compdef img402-mcp
# Completion of img402-mcp for zsh. In ~/.zshrc, after compinit: eval "$(img402-mcp completion zsh)"
_img402_mcp() {
    local current=$words[CURRENT] previous=$words[CURRENT-1] place="" word
    local -a offered flags
    if [[ $current == --*=* ]]; then
        previous=${current%%=*}
        compset -P '*='
    fi
    for word in "${(@)words[2,CURRENT-1]}"; do
        case "$place $word" in
            @known@) place="${place:+$place }$word" ;;
        esac
    done
    case "$place $previous" in
@values@
    esac
    case "$place" in
@offers@
    esac
}
if [[ $funcstack[1] == _img402-mcp ]]; then _img402_mcp "$@"; else compdef _img402_mcp img402-mcp; fi
"""


def script(subcommands: Sequence[Subcommand]) -> str:
    return filled(_SCRIPT, subcommands, _values(subcommands), map(_offer, subcommands))


def quoted(text: str) -> str:
    return "'" + text.replace("'", r"'\''") + "'"


def _values(subcommands: Sequence[Subcommand]) -> Iterator[str]:
    for subcommand in subcommands:
        for flag in subcommand.flags:
            if flag.takes:
                yield f"        {patterns(subcommand, flag.names)}) {_value(flag)}return ;;"


def _value(flag: Flag) -> str:
    if flag.choices:
        return f"offered=({' '.join(map(quoted, flag.choices))}); _describe value offered; "
    return "_files -/; " if flag.folders else "_files; " if flag.files else ""


def _offer(subcommand: Subcommand) -> str:
    words = f"offered=({' '.join(_described(subcommand.words))}); _describe word offered" if subcommand.words else ""
    flags = _described((name, flag.description) for flag in subcommand.flags for name in flag.names)
    rest = words or ("_files" if subcommand.files else ":")
    return (
        f'        "{subcommand.path}") if [[ $current == -* ]]; then flags=({" ".join(flags)}); '
        f"_describe -o flag flags; else {rest}; fi ;;"
    )


def _described(words: Iterable[tuple[str, str]]) -> Iterator[str]:
    """`name:what it is`; a colon in the name itself would end it."""
    return (quoted(f"{name.replace(':', chr(92) + ':')}:{description}") for name, description in words)
