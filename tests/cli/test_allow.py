"""`img402-mcp allow`: only a person at a terminal allows a folder."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes import terminal
from tests.fakes.posix import PROCESSES

pytestmark = PROCESSES
PROGRAM = [sys.executable, "-m", "img402_mcp", "allow"]


@pytest.fixture
def user(tmp_path: Path) -> Path:
    """A home folder with some folders in it."""
    for name in ("home/shots", "home/.ssh/shots", "home/.config"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path / "home"


def environ(user: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(user), "XDG_CONFIG_HOME": str(user / ".config")}


def piped(user: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *words], env=environ(user), input="yes\n", capture_output=True, text=True, check=False, cwd=user
    )


def typed(user: Path, answer: str, *words: str) -> tuple[int, str]:
    return terminal.typed([*PROGRAM, *words], answer, environ(user), user)


def on_the_list(user: Path) -> list[str]:
    file = user / ".config" / "img402-mcp" / "allowed-folders.json"
    return json.loads(file.read_text()) if file.exists() else []


def test_a_person_who_types_yes_allows_a_folder_and_can_remove_it_again(user):
    code, shown = typed(user, "yes\n", "shots")
    assert (code, on_the_list(user)) == (0, [str(user / "shots")])
    assert "to a public URL" in shown
    assert piped(user, "--list").stdout == f"{user / 'shots'}\n"
    assert (piped(user, "--remove", "shots").returncode, on_the_list(user)) == (0, [])


def test_what_is_printed_into_a_pipe_is_utf_8_whatever_the_terminal_has(user):
    file = user / ".config" / "img402-mcp" / "allowed-folders.json"
    file.parent.mkdir()
    file.write_text(json.dumps(["/gone/\u2603"]))
    done = subprocess.run(
        [*PROGRAM, "--list"], env=environ(user) | {"PYTHONIOENCODING": "cp1252"}, capture_output=True, check=True
    )
    assert done.stdout == "/gone/\u2603 (does not exist now)\n".encode()


@pytest.mark.parametrize("answer", ["y\n", "no\n", "\n"], ids=["y", "no", "nothing"])
def test_anything_but_yes_changes_nothing(user, answer):
    code, shown = typed(user, answer, "shots")
    assert (code, on_the_list(user)) == (2, [])
    assert "Nothing was changed." in shown


def test_without_a_terminal_nothing_can_be_allowed(user):
    done = piped(user, "shots")
    assert (done.returncode, on_the_list(user)) == (2, [])
    assert "only by a person at a terminal" in done.stderr


@pytest.mark.parametrize(
    ("folder", "said"),
    [
        pytest.param("/", "is a whole disk", id="disk"),
        pytest.param(".", "is the home folder", id="home"),
        pytest.param("..", "holds the home folder", id="above-home"),
        pytest.param(".ssh", "is hidden", id="hidden"),
        pytest.param(".ssh/shots", "inside a hidden folder", id="inside-hidden"),
        pytest.param("/etc", "is a folder of the system", id="system"),
        pytest.param("gone", "does not exist", id="missing"),
    ],
)
def test_a_folder_that_is_too_wide_is_refused_even_to_a_person(user, folder, said):
    code, shown = typed(user, "yes\n", folder)
    assert (code, on_the_list(user)) == (2, [])
    assert said in " ".join(shown.split())
