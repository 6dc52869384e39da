"""`img402-mcp completion SHELL`: the script, run by real shells."""

import shlex
import shutil
import subprocess
import sys

import pytest

from img402_mcp.cli import main
from img402_mcp.cli.shells import bash, fish, zsh
from img402_mcp.cli.shells.subcommands import subcommands

SCRIPTS = {"bash": bash.script, "zsh": zsh.script, "fish": fish.script}

ASKING = {
    # What readline does: it takes a word apart at "=", and offers what is in COMPREPLY.
    "bash": r"""COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _img402_mcp
        printf '%s\n' "${{COMPREPLY[@]}}" """,
    # The functions of zsh's own completion, which here print what they are given.
    "zsh": r"""_describe() {{ print -rl -- "${{(@P)argv[-1]}}" }}; _files() {{ print files $1 }}; compset() {{ }}
        words=({words}); CURRENT=${{#words}}; _img402_mcp""",
    "fish": "complete -C {line}",
}
BEFORE = {"bash": "", "zsh": "compdef() { }\n", "fish": ""}
RUN = {"bash": ["bash", "--norc", "-c"], "zsh": ["zsh", "-f", "-c"], "fish": ["fish", "--no-config", "-c"]}


@pytest.fixture(scope="module")
def parser():
    return main.parser()


@pytest.fixture(params=SCRIPTS)
def shell(request):
    if shutil.which(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    return request.param


def offered(shell: str, parser, *words: str, cwd: str = "/") -> set[str]:
    """What is offered for the last word, without descriptions."""
    line = " ".join(("img402-mcp", *words))
    asking = ASKING[shell].format(words=shlex.join(("img402-mcp", *words)), line=shlex.quote(line))
    script = BEFORE[shell] + SCRIPTS[shell]([*subcommands(parser)]) + asking
    done = subprocess.run([*RUN[shell], script], capture_output=True, text=True, check=False, cwd=cwd)
    assert done.stderr == ""
    split = ":" if shell == "zsh" else "\t"
    found = {line.partition(split)[0] for line in done.stdout.splitlines() if line}
    # bash and fish filter by prefix themselves; zsh gets everything and filters it afterwards.
    return {each for each in found if each.startswith(words[-1])} if shell == "zsh" else found


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        pytest.param(["up"], {"upload"}, id="command"),
        pytest.param(["serve", "--all"], {"--allow-dir", "--allowed-host", "--allowed-origin"}, id="flag"),
        pytest.param(["serve", "--transport", "s"], {"stdio", "streamable-http", "sse"}, id="choice"),
        pytest.param(["wallet", "re"], {"resume", "resolve"}, id="command-of-a-command"),
        pytest.param(["wallet", "resolve", "--p"], {"--presume-unsettled"}, id="flag-of-a-command-of-a-command"),
        pytest.param(["serve", "--host", "upload", "--tr"], {"--transport"}, id="a-value-that-looks-like-a-command"),
        pytest.param(["completion", "z"], {"zsh"}, id="word-of-a-few"),
        pytest.param(["doctor", "--j"], {"--json"}, id="doctor"),
        pytest.param(["upload", "--nothing"], set(), id="nothing-known"),
    ],
)
def test_a_shell_offers_what_can_follow(shell, parser, words, wanted):
    assert offered(shell, parser, *words) == wanted


def test_bash_takes_a_flag_apart_at_its_sign(parser):
    assert offered("bash", parser, "serve", "--transport", "=", "ss") == {"sse"}
    assert offered("bash", parser, "serve", "--transport", "=") == {"stdio", "streamable-http", "sse"}


def test_every_flag_of_every_command_is_offered(parser):
    known = [*subcommands(parser)]
    asked = [ASKING["bash"].format(words=shlex.join(("img402-mcp", *place.path.split(), "-"))) for place in known]
    script = bash.script(known) + "\necho;".join(asked)
    output = subprocess.run([*RUN["bash"], script], capture_output=True, text=True, check=True).stdout
    flags = [{name for flag in place.flags for name in flag.names} for place in known]
    assert [{*block.split()} for block in output.split("\n\n")] == flags


def test_fish_offers_files_where_a_path_is_wanted_and_folders_where_a_folder_is(parser, tmp_path):
    if shutil.which("fish") is None:
        pytest.skip("fish is not installed")
    (tmp_path / "shot.png").touch()
    (tmp_path / "shots").mkdir()
    assert offered("fish", parser, "upload", "sho", cwd=str(tmp_path)) == {"shot.png", "shots/"}
    assert offered("fish", parser, "upload", "--allow-dir", "sho", cwd=str(tmp_path)) == {"shots/"}
    assert offered("fish", parser, "doctor", "sho", cwd=str(tmp_path)) == set()


def test_the_command_prints_the_script(parser):
    done = subprocess.run(
        [sys.executable, "-m", "img402_mcp", "completion", "bash"], capture_output=True, text=True, check=True
    )
    assert done.stdout == bash.script([*subcommands(parser)])
