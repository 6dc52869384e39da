"""For zsh, either evaluated or as a file `_img402-mcp` in the fpath."""

from collections.abc import Iterable, Iterator, Sequence

from img402_mcp.cli.shells.bash import filled, patterns
from img402_mcp.cli.shells.places import Flag, Place

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


def script(places: Sequence[Place]) -> str:
    return filled(_SCRIPT, places, _values(places), map(_offer, places))


def quoted(text: str) -> str:
    return "'" + text.replace("'", r"'\''") + "'"


def _values(places: Sequence[Place]) -> Iterator[str]:
    for place in places:
        for flag in place.flags:
            if flag.takes:
                yield f"        {patterns(place, flag.names)}) {_value(flag)}return ;;"


def _value(flag: Flag) -> str:
    if flag.choices:
        return f"offered=({' '.join(map(quoted, flag.choices))}); _describe value offered; "
    return "_files -/; " if flag.folders else "_files; " if flag.files else ""


def _offer(place: Place) -> str:
    words = f"offered=({' '.join(_described(place.words))}); _describe word offered" if place.words else ""
    flags = _described((name, flag.told) for flag in place.flags for name in flag.names)
    rest = words or ("_files" if place.files else ":")
    return (
        f'        "{place.path}") if [[ $current == -* ]]; then flags=({" ".join(flags)}); _describe -o flag flags; '
        f"else {rest}; fi ;;"
    )


def _described(words: Iterable[tuple[str, str]]) -> Iterator[str]:
    """`name:what it is`; a colon in the name itself would end it."""
    return (quoted(f"{name.replace(':', chr(92) + ':')}:{told}") for name, told in words)
