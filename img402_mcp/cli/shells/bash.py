"""For every bash since 3.2, which macOS has: no `compopt`, no `mapfile`. Where it offers nothing, bash offers files."""

from collections.abc import Iterable, Sequence

from img402_mcp.cli.shells.subcommands import Subcommand

_SCRIPT = r"""# Completion of img402-mcp for bash. In ~/.bashrc: eval "$(img402-mcp completion bash)"
_img402_mcp() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} place="" words="" flags="" word
    # bash takes --flag=value apart at its sign.
    if [[ $current == = ]]; then current=""; fi
    if [[ $previous == = ]]; then previous=${COMP_WORDS[COMP_CWORD-2]}; fi
    COMPREPLY=()
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
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
    if [[ $current == -* ]]; then words=$flags; fi
    COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o bashdefault -o default -F _img402_mcp img402-mcp
"""


def script(subcommands: Sequence[Subcommand]) -> str:
    return filled(_SCRIPT, subcommands, _values(subcommands), map(_offer, subcommands))


def filled(template: str, subcommands: Sequence[Subcommand], values: Iterable[str], offers: Iterable[str]) -> str:
    return (
        template.replace("@known@", _known(subcommands))
        .replace("@values@", "\n".join(values))
        .replace("@offers@", "\n".join(offers))
    )


def _known(subcommands: Sequence[Subcommand]) -> str:
    """The patterns of `place word` where the word is a command of that place."""
    return " | ".join(
        f'"{" ".join(subcommand.path.rpartition(" ")[::2])}"' for subcommand in subcommands if subcommand.path
    )


def patterns(subcommand: Subcommand, names: Iterable[str]) -> str:
    return " | ".join(f'"{subcommand.path} {name}"' for name in names)


def _values(subcommands: Sequence[Subcommand]) -> Iterable[str]:
    for subcommand in subcommands:
        for flag in subcommand.flags:
            if flag.takes:
                offered = f'COMPREPLY=($(compgen -W "{" ".join(flag.choices)}" -- "$current")); ' * bool(flag.choices)
                yield f"        {patterns(subcommand, flag.names)}) {offered}return ;;"


def _offer(subcommand: Subcommand) -> str:
    words = " ".join(name for name, _ in subcommand.words)
    flags = " ".join(name for flag in subcommand.flags for name in flag.names)
    return f"""        "{subcommand.path}") words="{words}" flags="{flags}" ;;"""
