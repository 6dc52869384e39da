"""The command that an agent is given."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from img402_mcp.agents.program import SCRIPT, running_program
from img402_mcp.errors import SettingsError


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """A virtual environment with the program in it."""
    scripts = tmp_path / "home" / "env" / "bin"
    scripts.mkdir(parents=True)
    (scripts / SCRIPT).write_text("")
    return scripts.parent


def test_it_is_the_script_of_the_environment_that_runs(environment):
    scripts = [str(environment / "none"), str(environment / "bin")]
    assert running_program(environment, scripts) == (str(environment / "bin" / SCRIPT),)


def test_without_a_script_it_is_the_module(environment):
    python = str(environment / "bin" / "python")
    assert running_program(environment, [], python) == (python, "-m", "img402_mcp")


def test_it_is_absolute_wherever_it_is_started(environment, monkeypatch):
    monkeypatch.chdir(environment)
    assert running_program(environment, ["bin"], "bin/python") == (
        str(environment / "bin" / "python"),
        "-m",
        "img402_mcp",
    )


def test_the_test_run_has_a_program_that_exists():
    assert Path(running_program()[0]).is_file()


def test_a_program_of_the_same_name_that_pipx_has_linked_for_the_user_is_not_the_one_that_runs(tmp_path):
    theirs = tmp_path / ("Scripts" if os.name == "nt" else "bin") / SCRIPT
    theirs.parent.mkdir()
    theirs.write_text("")
    ask = "from img402_mcp.agents.program import _scripts; print(*_scripts(), sep='\\n')"
    done = subprocess.run(
        [sys.executable, "-c", ask],
        env={**os.environ, "PYTHONUSERBASE": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(theirs.parent) not in done.stdout.splitlines()
    assert len(done.stdout.splitlines()) == 1


def test_a_python_without_a_path_is_named(environment):
    with pytest.raises(SettingsError, match="path of the running Python"):
        running_program(environment, [], "")


@pytest.mark.parametrize(
    "place",
    [
        pytest.param(".cache/uv/archive-v0/4fXq", id="uvx"),
        pytest.param("elsewhere/builds-v0/.tmp1", id="uv-with-a-cache-elsewhere"),
        pytest.param(".cache/pipx/8a1", id="pipx-linux"),
        pytest.param(".local/pipx/.cache/8a1", id="pipx-older"),
        pytest.param("Library/Caches/pipx/8a1", id="pipx-macos"),
        pytest.param("AppData/Local/pipx/Cache/8a1", id="pipx-windows"),
    ],
)
def test_an_environment_in_a_cache_is_refused_with_the_way_out(tmp_path, place):
    environment = tmp_path / place
    environment.mkdir(parents=True)
    if "pipx" not in place:
        (environment.parent.parent / "CACHEDIR.TAG").write_text("Signature: 8a477f597d28d172789f06886806bc55")
    with pytest.raises(SettingsError, match="runs from a cache.*uv tool install"):
        running_program(environment, [])


@pytest.mark.parametrize("place", [".local/share/uv/tools/img402-mcp", ".local/share/pipx/venvs/img402-mcp", ".venv"])
def test_an_environment_that_stays_is_taken(tmp_path, place):
    environment = tmp_path / place
    environment.mkdir(parents=True)
    (environment / "CACHEDIR.TAG").write_text("uv writes one into each environment that it makes")
    assert running_program(environment, [], sys.executable) == (sys.executable, "-m", "img402_mcp")
