"""Which files belong to which agent, on each system."""

import os
from pathlib import Path

import pytest

from img402_mcp.agents.table import CLIENTS, find_program, is_here, known, of_client
from tests.fakes.posix import MODES


def files(home: Path, client: str, environ: dict[str, str], system: str, *, project: bool = False) -> list[str]:
    configs = of_client(client, known(home, home / "project", environ, system), project=project)
    return [each.file.relative_to(home).as_posix() for each in configs]


@pytest.mark.parametrize(
    ("client", "system", "file"),
    [
        pytest.param("claude-desktop", "linux", ".config/Claude/claude_desktop_config.json", id="claude-linux"),
        pytest.param(
            "claude-desktop",
            "darwin",
            "Library/Application Support/Claude/claude_desktop_config.json",
            id="claude-macos",
        ),
        pytest.param(
            "claude-desktop", "win32", "AppData/Roaming/Claude/claude_desktop_config.json", id="claude-windows"
        ),
        pytest.param("cursor", "linux", ".cursor/mcp.json", id="cursor"),
        pytest.param("cursor", "win32", ".cursor/mcp.json", id="cursor-windows"),
        pytest.param("vscode", "linux", ".config/Code/User/mcp.json", id="vscode-linux"),
        pytest.param("vscode", "darwin", "Library/Application Support/Code/User/mcp.json", id="vscode-macos"),
        pytest.param("vscode", "win32", "AppData/Roaming/Code/User/mcp.json", id="vscode-windows"),
        pytest.param("claude-code", "linux", ".claude.json", id="claude-code"),
        pytest.param("codex", "darwin", ".codex/config.toml", id="codex"),
        pytest.param("gemini", "win32", ".gemini/settings.json", id="gemini"),
    ],
)
def test_each_agent_has_its_usual_file(tmp_path, client, system, file):
    assert files(tmp_path, client, {}, system) == [file]


@pytest.mark.parametrize(
    ("client", "system", "variable", "file"),
    [
        pytest.param("vscode", "linux", "XDG_CONFIG_HOME", "moved/Code/User/mcp.json", id="xdg"),
        pytest.param("claude-desktop", "win32", "APPDATA", "moved/Claude/claude_desktop_config.json", id="appdata"),
        pytest.param("claude-code", "linux", "CLAUDE_CONFIG_DIR", "moved/.claude.json", id="claude-code"),
        pytest.param("codex", "linux", "CODEX_HOME", "moved/config.toml", id="codex"),
    ],
)
def test_a_variable_moves_the_file(tmp_path, client, system, variable, file):
    assert files(tmp_path, client, {variable: str(tmp_path / "moved")}, system) == [file]


def test_claude_from_the_store_of_windows_has_its_file_in_the_package(tmp_path):
    usual, package = tmp_path / "AppData/Roaming/Claude", tmp_path / "AppData/Local/Packages/Claude_pzs8sxrjxfjjc"
    package.mkdir(parents=True)
    inside = package / "LocalCache/Roaming/Claude"
    name = "claude_desktop_config.json"
    assert files(tmp_path, "claude-desktop", {}, "win32") == [(inside / name).relative_to(tmp_path).as_posix()]
    usual.mkdir(parents=True)
    inside.mkdir(parents=True)
    both = [(folder / name).relative_to(tmp_path).as_posix() for folder in (inside, usual)]
    assert files(tmp_path, "claude-desktop", {}, "win32") == both


def test_both_editions_of_vs_code_are_found(tmp_path):
    for name in ("Code", "Code - Insiders"):
        (tmp_path / ".config" / name / "User").mkdir(parents=True)
    assert files(tmp_path, "vscode", {}, "linux") == [
        ".config/Code/User/mcp.json",
        ".config/Code - Insiders/User/mcp.json",
    ]


def test_a_project_has_files_of_its_own(tmp_path):
    assert files(tmp_path, "cursor", {}, "linux", project=True) == ["project/.cursor/mcp.json"]
    assert files(tmp_path, "vscode", {}, "linux", project=True) == ["project/.vscode/mcp.json"]


def test_an_agent_is_here_if_its_folder_is_or_its_program(tmp_path):
    (tmp_path / ".cursor").mkdir()
    (tmp_path / "project" / ".vscode").mkdir(parents=True)
    program(tmp_path / "bin", "codex.exe" if os.name == "nt" else "codex")
    environ = {"PATH": str(tmp_path / "bin")}
    here = {each.client for each in known(tmp_path, tmp_path / "project", environ) if is_here(each, environ)}
    assert here == {"cursor", "codex"}
    assert here < CLIENTS.keys()


def program(folder: Path, name: str, mode: int = 0o755) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_text("")
    file.chmod(mode)
    return file


@MODES
def test_a_program_is_found_on_the_path_in_order(tmp_path):
    program(tmp_path / "a", "claude", mode=0o644)
    found = program(tmp_path / "b", "claude")
    (tmp_path / "0" / "claude").mkdir(parents=True)
    path = os.pathsep.join(str(tmp_path / name) for name in ("none", "0", "a", "b"))
    assert find_program("claude", {"PATH": path}, windows=False) == found
    assert find_program("codex", {"PATH": path}, windows=False) is None


@pytest.mark.parametrize("name", ["claude.exe", "claude.cmd", "claude.bat"])
def test_on_windows_a_program_has_an_ending(tmp_path, name):
    found = program(tmp_path, name)
    assert find_program("claude", {"PATH": str(tmp_path)}, windows=True) == found


@pytest.mark.parametrize("path", ["", ".", "bin", os.pathsep])
@pytest.mark.parametrize("windows", [False, True])
def test_a_program_of_the_working_directory_is_never_taken(tmp_path, monkeypatch, path, windows):
    monkeypatch.chdir(tmp_path)
    for folder in (tmp_path, tmp_path / "bin"):
        for name in ("claude", "claude.exe", "claude.cmd"):
            program(folder, name)
    assert find_program("claude", {"PATH": path}, windows=windows) is None
