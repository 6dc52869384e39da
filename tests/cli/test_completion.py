"""`img402-mcp completion SHELL`: the script, run by real shells."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from img402_mcp.cli import COMPLETION, main

SHELLS = ("bash", "zsh", "fish")
ASKING = {
    # What readline does: it takes a word apart at "=", and offers what is in COMPREPLY.
    "bash": r"""compopt() {{ COMPREPLY=("$2"); }}; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
        _img402_mcp_completion img402-mcp; printf '%s\n' "${{COMPREPLY[@]}}" """,
    # The functions of zsh's own completion, which here print what they are given.
    "zsh": r"""compset() {{ }}; _describe() {{ print -rl -- "${{(@P)argv[-2]}}" }}
        compadd() {{ print -rl -- "${{(@P)argv[-1]}}" }}
        _path_files() {{ print -- $1 }}; words=({words}); CURRENT=${{#words}}; _img402_mcp_completion""",
    "fish": "complete -C {line}",
}
BEFORE = {"bash": "", "zsh": "compdef() { }\n", "fish": ""}
INTERACTIVE = {
    "bash": ("bash --norc", "source <(img402-mcp completion bash)"),
    "zsh": ("zsh -f", "autoload -Uz compinit; compinit -u; source <(img402-mcp completion zsh)"),
    "fish": ("fish --no-config", "img402-mcp completion fish | source"),
}
RUN = {"bash": ["bash", "--norc", "-c"], "zsh": ["zsh", "-f", "-c"], "fish": ["fish", "--no-config", "-c"]}
FILES = {"bash": "default", "zsh": "-f"}
FOLDERS = {"bash": "dirnames", "zsh": "-/"}


@pytest.fixture(params=SHELLS)
def shell(request):
    if shutil.which(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    return request.param


@pytest.fixture
def script(capfd):
    """`script("bash")`: what the command prints."""

    def printed(shell: str) -> str:
        assert main.run(["completion", shell]) == 0
        return capfd.readouterr().out

    return printed


@pytest.fixture
def offered(script):
    """What is offered for the last word, without descriptions."""

    def offered(shell: str, *words: str, cwd: str = "/") -> set[str]:
        line = " ".join(("img402-mcp", *words))
        asking = ASKING[shell].format(words=shlex.join(("img402-mcp", *words)), line=shlex.quote(line))
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            [*RUN[shell], BEFORE[shell] + script(shell) + asking],
            env=os.environ | {"PATH": path},
            capture_output=True,
            text=True,
            check=False,
            cwd=cwd,
        )
        assert done.stderr == ""
        split = ":" if shell == "zsh" else "\t"
        return {line.partition(split)[0] for line in done.stdout.splitlines() if line}

    return offered


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        pytest.param(["up"], {"upload"}, id="command"),
        pytest.param(["serve", "--all"], {"--allow-dir", "--allowed-host", "--allowed-origin"}, id="flag"),
        pytest.param(["serve", "--transport", "s"], {"stdio", "streamable-http", "sse"}, id="choice"),
        pytest.param(["wallet", "re"], {"resume", "resolve"}, id="command-of-a-command"),
        pytest.param(["wallet", "resolve", "--p"], {"--presume-unsettled"}, id="flag-of-a-command-of-a-command"),
        pytest.param(["host", "admin", "images", "list", "--kind", "p"], {"paid", "private"}, id="administration"),
        pytest.param(["serve", "--host", "upload", "--tr"], {"--transport"}, id="a-value-that-looks-like-a-command"),
        pytest.param(["completion", "z"], {"zsh"}, id="word-of-a-few"),
        pytest.param(["doctor", "--j"], {"--json"}, id="doctor"),
        pytest.param(["upload", "--nothing"], set(), id="nothing-known"),
    ],
)
def test_a_shell_offers_what_can_follow(shell, offered, words, wanted):
    assert offered(shell, *words) == wanted


def test_a_value_after_an_equals_sign_is_offered(shell, offered):
    """Bash takes the word apart; the others replace it as a whole."""
    apart = {"sse"} if shell == "bash" else {"--transport=sse"}
    words = ["--transport", "=", "ss"] if shell == "bash" else ["--transport=ss"]
    assert offered(shell, "serve", *words) == apart


def test_bash_offers_all_values_at_the_equals_sign_itself(offered):
    assert offered("bash", "serve", "--transport", "=") == {"stdio", "streamable-http", "sse"}


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_files_and_folders_are_left_to_the_shell(shell, offered):
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    assert offered(shell, "upload", "sho") == {FILES[shell]}
    assert offered(shell, "upload", "--allow-dir", "sho") == {FOLDERS[shell]}


def test_fish_offers_files_where_a_path_is_wanted_and_folders_where_a_folder_is(offered, tmp_path):
    if shutil.which("fish") is None:
        pytest.skip("fish is not installed")
    (tmp_path / "shot.png").touch()
    (tmp_path / "shots").mkdir()
    assert offered("fish", "upload", "sho", cwd=str(tmp_path)) == {"shot.png", "shots/"}
    assert offered("fish", "upload", "--allow-dir", "sho", cwd=str(tmp_path)) == {"shots/"}
    assert offered("fish", "doctor", "sho", cwd=str(tmp_path)) == set()


@pytest.fixture
def typed(shell, terminal, tmp_path):
    """`typed("img402-mcp up")`: the line when the tabulator key was pressed, in that shell and the home folder."""
    program, loading = INTERACTIVE[shell]
    (tmp_path / "my shots").mkdir()
    for name in ("my shots/a b.png", "it's, here.png", "one.png"):
        (tmp_path / name).touch()

    def completed(line: str, expected: str) -> str:
        window = terminal()
        window.open(program)
        window.send("-l", f"{loading}; echo rea''dy")
        window.send("Enter")
        window.wait_for(r"(?m)^ready\n\S.*[$#%>]")
        window.send("-l", line)
        window.send("Tab")
        shown = window.wait_for("(?m)" + re.escape(expected).replace(",", r"\\?,") + " *$")
        return shown.rstrip("\n").partition("ready\n")[2].replace(r"\,", ",")  # bash escapes more than it must

    return completed


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param("serve --transport=ss", "serve --transport=sse", id="choice-after-a-sign"),
        pytest.param("upload my", r"upload my\ shots/", id="folder-with-a-space"),
        pytest.param("upload it", r"upload it\'s,\ here.png", id="file-with-a-quote-and-a-comma"),
        pytest.param("upload ~/o", "upload ~/one.png", id="file-in-the-home-folder"),
        pytest.param("upload --allow-dir=my", r"upload --allow-dir=my\ shots/", id="folder-after-a-sign"),
        pytest.param("publish --out=o", "publish --out=one.png", id="file-after-a-sign"),
    ],
)
def test_the_tabulator_key_completes_the_word_as_the_shell_spells_it(typed, line, expected):
    assert typed(f"img402-mcp {line}", expected).rstrip().endswith(f"img402-mcp {expected}")


def test_fish_shows_a_description_with_commas_whole(script):
    if shutil.which("fish") is None:
        pytest.skip("fish is not installed")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    asking = f"{script('fish')}\ncomplete -C 'img402-mcp upload --copy'"
    done = subprocess.run(
        [*RUN["fish"], asking], env=os.environ | {"PATH": path}, capture_output=True, text=True, check=True
    )
    assert done.stdout == "--copy\tPut what is printed on the clipboard, too.\n"


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_is_printed_without_asking_a_shell(shell):
    environ = {COMPLETION: "", "PATH": "/nowhere"}
    command = [sys.executable, "-m", "img402_mcp", "completion", shell]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    assert (f"{COMPLETION}={shell}_complete" in done.stdout, done.stderr) == (True, "")
