from collections.abc import Iterator, Sequence

from img402_mcp.cli.shells.subcommands import Flag, Subcommand

_SCRIPT = r"""# Completion of img402-mcp for fish. Once:
# img402-mcp completion fish > ~/.config/fish/completions/img402-mcp.fish
function __img402_mcp_at --argument-names wanted
    set -l place ""
    set -l words (commandline -opc)
    set -e words[1]
    for word in $words
        switch "$place $word"
            case @known@
                set place (string trim -- "$place $word")
        end
    end
    test "$place" = "$wanted"
end
complete -c img402-mcp -f
@lines@
"""


def script(subcommands: Sequence[Subcommand]) -> str:
    known = " ".join(
        quoted(" ".join(subcommand.path.rpartition(" ")[::2])) for subcommand in subcommands if subcommand.path
    )
    lines = "\n".join(line for subcommand in subcommands for line in _lines(subcommand))
    return _SCRIPT.replace("@known@", known).replace("@lines@", lines)


def quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", r"\'") + "'"


def _lines(subcommand: Subcommand) -> Iterator[str]:
    here = "complete -c img402-mcp -n " + quoted(f'__img402_mcp_at "{subcommand.path}"')
    if subcommand.files:
        yield f"{here} -F"
    for name, description in subcommand.words:
        yield f"{here} -a {quoted(name)}{_described_as(description)}"
    for flag in subcommand.flags:
        yield f"{here} {' '.join(map(_spelled, flag.names))}{_value(flag)}{_described_as(flag.description)}"


def _spelled(name: str) -> str:
    return f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}"


def _value(flag: Flag) -> str:
    if not flag.takes:
        return ""
    if flag.choices:
        return f" -x -a {quoted(' '.join(flag.choices))}"
    return " -x -a '(__fish_complete_directories)'" if flag.folders else " -r -F" if flag.files else " -x"


def _described_as(text: str) -> str:
    return f" -d {quoted(text)}" if text else ""
