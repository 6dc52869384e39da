"""For every bash since 3.2, which macOS has: no `compopt`, no `mapfile`. Where it offers nothing, bash offers files."""

from collections.abc import Iterable, Sequence

from img402_mcp.cli.shells.places import Place

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


def script(places: Sequence[Place]) -> str:
    return filled(_SCRIPT, places, _values(places), map(_offer, places))


def filled(template: str, places: Sequence[Place], values: Iterable[str], offers: Iterable[str]) -> str:
    return (
        template.replace("@known@", _known(places))
        .replace("@values@", "\n".join(values))
        .replace("@offers@", "\n".join(offers))
    )


def _known(places: Sequence[Place]) -> str:
    """The patterns of `place word` where the word is a command of that place."""
    return " | ".join(f'"{" ".join(place.path.rpartition(" ")[::2])}"' for place in places if place.path)


def patterns(place: Place, names: Iterable[str]) -> str:
    return " | ".join(f'"{place.path} {name}"' for name in names)


def _values(places: Sequence[Place]) -> Iterable[str]:
    for place in places:
        for flag in place.flags:
            if flag.takes:
                offered = f'COMPREPLY=($(compgen -W "{" ".join(flag.choices)}" -- "$current")); ' * bool(flag.choices)
                yield f"        {patterns(place, flag.names)}) {offered}return ;;"


def _offer(place: Place) -> str:
    words = " ".join(name for name, _ in place.words)
    flags = " ".join(name for flag in place.flags for name in flag.names)
    return f"""        "{place.path}") words="{words}" flags="{flags}" ;;"""
