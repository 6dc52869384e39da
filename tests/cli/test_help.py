"""Help: every command has it, its examples are real, and what is misspelt is answered with what was meant."""

import re
import shlex
from collections.abc import Iterator

import click
import pytest

from img402_mcp.cli import main
from img402_mcp.cli.parameters import PROGRAM


def commands(command: click.Command = main.main, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Each command by the words that name it."""
    yield path, command
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from commands(inner, *path, name)


COMMANDS = [pytest.param(*each, id=" ".join(each[0])) for each in commands()]
EXAMPLES = [
    line.strip()
    for _, command in commands()
    for line in (command.epilog or "").splitlines()
    if line.strip().startswith(PROGRAM)
]


@pytest.fixture
def shown(capsys):
    """The exit code, stdout, stderr."""

    def run(*words: str) -> tuple[int, str, str]:
        code = main.run(words)
        output = capsys.readouterr()
        return code, output.out, output.err

    return run


@pytest.mark.parametrize(("path", "command"), COMMANDS)
def test_every_command_has_help_and_no_line_of_it_is_cut(shown, path, command):
    code, out, err = shown(*path, "--help")
    assert (code, err) == (0, "")
    assert out.startswith(f"Usage: {' '.join((PROGRAM, *path))} ")
    assert "..." not in re.sub(r"(PATH|IMAGE|\[DIR\]|\[ARGS\]|\[CLIENT\])\.\.\.", "", out)
    assert shown(*path, "-h") == (0, out, "")
    for parameter in command.params:
        assert not isinstance(parameter, click.Option) or parameter.opts[-1] in out


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_is_a_command_with_flags_that_exist(shown, example):
    program, *words = shlex.split(example.partition(" | ")[0].partition(" > ")[0])
    assert (program, shown(*words, "--help")[0]) == (PROGRAM, 0)


@pytest.mark.parametrize(
    ("words", "meant", "where"),
    [
        pytest.param(["uplod", "a.png"], "upload", "", id="command"),
        pytest.param(["wallet", "resum"], "resume", "wallet ", id="command-of-a-command"),
        pytest.param(["host", "admin", "image", "list"], "images", "host admin ", id="thing"),
        pytest.param(["host", "admin", "images", "lst"], "list", "host admin images ", id="action"),
        pytest.param(["upload", "--jsn", "a.png"], "--json", "upload ", id="flag"),
        pytest.param(["host", "--prot", "1"], "--port", "host ", id="flag-of-a-group"),
        pytest.param(["--verson"], "--version", "", id="flag-of-the-program"),
        pytest.param(["host", "admin", "images", "list", "--knd", "x"], "--kind", "host admin images list ", id="deep"),
        pytest.param(["UPLAOD"], "upload", "", id="capitals"),
        pytest.param(["upload", "-json", "a.png"], "--json", "upload ", id="flag-with-one-dash"),
        pytest.param(["-verson"], "--version", "", id="flag-of-the-program-with-one-dash"),
        pytest.param(["upload", "-no-keep"], "--no-keep", "upload ", id="flag-that-turns-off"),
    ],
)
def test_a_misspelt_word_is_answered_with_what_was_meant(shown, words, meant, where):
    code, out, err = shown(*words)
    assert (code, out) == (2, "")
    assert err.startswith(f"{PROGRAM}: No such ")
    assert re.search(rf"Did you mean (one of: .*)?'{meant}'", err)
    assert err.endswith(f"Try '{PROGRAM} {where}--help'.\n")


@pytest.mark.parametrize(
    "words",
    [
        ["upload"],
        ["publish"],
        ["publish", "a.md", "b.md"],
        ["completion", "tcsh"],
        ["upload", "--width"],
        ["upload", "--json=1", "a.png"],
        ["upload", "-q", "a.png"],
        ["serve", "--transport", "carrier"],
        ["serve", "--port", "65536"],
        ["host", "--port", "x"],
        ["wallet", "resolve"],
        ["host", "admin", "images", "list", "--since", "yesterday"],
        ["host", "admin", "submissions", "add", "sub_1"],
    ],
    ids=" ".join,
)
def test_what_cannot_be_meant_is_a_usage_error(shown, words):
    code, out, err = shown(*words)
    assert (code, out) == (2, "")
    assert err.startswith(f"{PROGRAM}: ")
    assert err.splitlines()[-1].startswith(f"Try '{PROGRAM} {words[0]}")


@pytest.mark.parametrize("words", [["COMPLETION", "fish"], ["completion", "FISH"]], ids=" ".join)
def test_a_name_may_be_in_capitals(shown, words):
    assert shown(*words) == shown("completion", "fish")


def test_what_a_terminal_would_obey_is_written_out(shown):
    code, _, err = shown("publish", "a.md", "\x1b[2J\n\u202e")
    assert (code, "\\x1b[2J\\n\\u202e" in err, err.count("\n")) == (2, True, 2)


@pytest.mark.parametrize("words", [["wallet"], ["host", "admin"], ["host", "admin", "images"]], ids=" ".join)
def test_a_group_without_a_command_shows_what_there_is(shown, words):
    code, out, err = shown(*words)
    assert (code, out) == (2, "")
    assert "\nCommands:\n" in err
