"""`img402-mcp install` and `uninstall`, as a person or a script runs them in a home folder."""

import json
import os
import sys
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from img402_mcp.agents.program import running_program
from tests.fakes import in_process, terminal
from tests.fakes.posix import PROCESSES

PROGRAM = [sys.executable, "-m", "img402_mcp"]
OTHERS = '{\n  "mcpServers": {\n    "x": {"command": "x", "env": {"KEY": "sk-secret"}}\n  }\n}\n'


class User:
    """A home folder with Cursor's configuration, and a project in it."""

    def __init__(self, home: Path) -> None:
        self.home, self.project, self.file = home, home / "project", home / ".cursor" / "mcp.json"
        for each in (self.file.parent, self.project, home / "Desktop", home / "bin"):
            each.mkdir(parents=True)
        self.file.write_text(OTHERS)
        own = {"HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "XDG_CONFIG_HOME", "PATH"}
        kept = {name: value for name, value in os.environ.items() if not name.startswith("IMG402_") and name not in own}
        self.environ = kept | {"HOME": str(home), "USERPROFILE": str(home), "PATH": str(home / "bin")}

    def run(self, *words: str, **environ: str) -> CompletedProcess[str]:
        return in_process.run(*words, environ=self.environ | environ, here=self.project)

    def typed(self, answer: str, *words: str) -> tuple[int, str]:
        return terminal.typed([*PROGRAM, *words], answer, self.environ, self.project)

    def entry(self, file: Path | None = None, key: str = "mcpServers") -> dict[str, object] | None:
        return json.loads((file or self.file).read_text())[key].get("img402")


@pytest.fixture
def user(tmp_path: Path) -> User:
    return User(tmp_path.resolve() / "home")


def entry(*folders: Path) -> dict[str, object]:
    command, *args = running_program()
    environ = {"env": {"IMG402_ALLOW_DIRS": os.pathsep.join(map(str, folders))}} if folders else {}
    return {"command": command, "args": args, **environ}


def test_a_named_agent_gets_the_running_program_and_the_folders_and_uninstall_gives_back_the_file(user):
    done = user.run("install", "cursor", "--yes", "--allow-dir", str(user.home / "Desktop"))
    assert (done.returncode, done.stderr, user.entry()) == (0, "", entry(user.home / "Desktop"))
    assert "sk-secret" not in done.stdout
    assert user.file.with_name("mcp.json.before-img402").read_text() == OTHERS
    assert "nothing to do" in user.run("install", "cursor", "--yes").stdout

    assert user.run("uninstall", "cursor", "--yes").returncode == 0
    assert (user.file.read_text(), len([*user.file.parent.iterdir()])) == (OTHERS, 1)
    assert "nothing to do" in user.run("uninstall", "cursor", "--yes").stdout


def test_several_agents_are_changed_at_once_and_each_has_a_file_that_starts_the_server(user):
    assert user.run("install", "cursor", "vscode", "claude-desktop", "--yes").returncode == 0
    files = {path.name: path for path in user.home.rglob("*.json")}
    assert user.entry() == entry()
    assert user.entry(files["claude_desktop_config.json"]) == entry()
    written = next(path for path in user.home.rglob("mcp.json") if path.parent.name == "User")
    assert user.entry(written, "servers") == {"type": "stdio", **entry()}


def test_a_dry_run_shows_the_change_and_writes_nothing(user):
    before = sorted(user.home.rglob("*"))
    done = user.run("install", "--dry-run")
    assert (done.returncode, done.stderr, user.file.read_text()) == (0, "", OTHERS)
    assert '  +   "img402": {\n' in done.stdout
    assert done.stdout.startswith(f'Cursor: "{user.file}"\n')
    assert sorted(user.home.rglob("*")) == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(["install", "cursor"], "add --yes", id="nobody-to-ask"),
        pytest.param(["uninstall", "cursor"], "add --yes", id="nobody-to-ask-at-the-removal"),
        pytest.param(["install", "--yes"], "Name the agent. Found here: cursor.", id="no-client"),
        pytest.param(["install", "emacs", "--yes"], "docs/clients.md", id="unknown"),
        pytest.param(["install", "curser", "--yes"], "Did you mean cursor?", id="misspelt"),
        pytest.param(["install", "Claude", "--yes"], "Did you mean claude-code or claude-desktop?", id="a-part"),
        pytest.param(["uninstall", "vs-code", "--yes"], "Did you mean vscode", id="misspelt-at-the-removal"),
        pytest.param(["install", "codex", "--yes"], "there is no codex in the PATH", id="not-installed"),
        pytest.param(["install", "codex", "--project", "--yes"], "--project goes with", id="no-project-file"),
        pytest.param(["install", "cursor", "--yes", "--allow-dir", "gone"], "does not exist", id="no-folder"),
        pytest.param(["install", "cursor", "--yes", "--env", "IMG402_WALLET_KEY=0xhush"], "WALLET_FILE", id="secret"),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(user, words, said):
    done = user.run(*words)
    assert (done.returncode, done.stdout, user.file.read_text()) == (2, "", OTHERS)
    assert said in done.stderr
    assert "0xhush" not in done.stderr


def test_nothing_is_written_where_one_of_several_files_cannot_be_changed(user):
    user.file.write_text('{"mcpServers": }')
    done = user.run("install", "vscode", "cursor", "--yes")
    assert (done.returncode, done.stdout) == (2, "")
    assert f'"{user.file}" cannot be changed: line 1, column 16' in done.stderr.replace("\\\\", "\\")
    assert [path.name for path in user.home.rglob("*.json")] == ["mcp.json"]


def test_a_project_has_its_own_file(user):
    assert user.run("install", "vscode", "--project", "--yes").returncode == 0
    file = user.project / ".vscode" / "mcp.json"
    assert user.entry(file, "servers") == {"type": "stdio", **entry()}
    assert user.run("uninstall", "--project", "vscode", "--yes").returncode == 0
    assert not file.exists()


def test_a_setting_is_written_and_the_user_is_not_in_it(user):
    assert user.run("install", "cursor", "--yes", "--env", "IMG402_KEEP=on", IMG402_WALLET_KEY="0xhush").returncode == 0
    assert user.entry() == entry() | {"env": {"IMG402_KEEP": "on"}}


def test_there_is_nothing_to_uninstall_where_no_agent_has_it(user):
    done = user.run("uninstall", "--yes")
    assert (done.returncode, done.stdout, done.stderr) == (0, "No agent here has an entry img402.\n", "")


@PROCESSES
def test_a_person_picks_the_agent_and_the_folder_and_says_yes(user):
    code, shown = user.typed("1\n1\ny\n", "install")
    assert (code, user.entry()) == (0, entry(user.home / "Desktop"))
    assert "  1  Cursor (cursor)\n" in shown
    assert f"  1  {user.home / 'Desktop'}\n" in shown
    assert shown.index('+   "img402"') < shown.index("Do this (y/N)?")
    code, shown = user.typed("1\nyes\n", "uninstall")
    assert (code, user.file.read_text()) == (0, OTHERS)


@PROCESSES
@pytest.mark.parametrize("answer", ["n\n", "\n", "maybe\n"])
def test_anything_but_yes_changes_nothing(user, answer):
    code, shown = user.typed(f"\n{answer}", "install", "cursor")
    assert (code, user.file.read_text()) == (2, OTHERS)
    assert "Cursor: nothing was changed." in shown


@PROCESSES
def test_who_picks_no_agent_changes_nothing(user):
    assert user.typed("\n", "install")[0] == 0
    assert user.file.read_text() == OTHERS


@PROCESSES
def test_agents_and_folders_can_be_named_too(user):
    code, _ = user.typed(f"Cursor, vscode\n{user.project}, {user.home / 'Desktop'}\ny\nn\n", "install")
    assert (code, user.entry()) == (2, entry(user.project, user.home / "Desktop"))
    assert [path.name for path in user.home.rglob("*.json")] == ["mcp.json"]


@PROCESSES
def test_an_answer_that_names_no_agent_is_quoted(user):
    code, shown = user.typed("7, emacs\n", "install")
    assert (code, user.file.read_text()) == (2, OTHERS)
    assert '"7" is not one of claude-desktop, cursor' in shown


@PROCESSES
@pytest.mark.parametrize(
    "content",
    ["[", "[" * 100_000, '{"mcpServers": {"img402": 7}}', '{"mcpServers": 7}'],
    ids=["open", "deep", "entry", "servers"],
)
def test_a_file_that_cannot_be_changed_ends_the_dialogue_with_its_place(user, content):
    user.file.write_text(content)
    code, shown = user.typed("1\n\n", "install")
    assert (code, user.file.read_text()) == (2, content)
    assert "cannot be changed: " in shown


@PROCESSES
def test_folders_that_are_set_already_are_kept_and_not_asked_for(user):
    assert user.run("install", "cursor", "--yes", "--allow-dir", str(user.home / "Desktop")).returncode == 0
    text = user.file.read_text().replace(json.dumps(entry()["command"]), '"old"')
    user.file.write_text(text)
    code, shown = user.typed("y\n", "install", "cursor")
    assert (code, user.entry()) == (0, entry(user.home / "Desktop"))
    assert "From which folders" not in shown


@PROCESSES
def test_where_an_agents_command_fails_those_that_are_not_changed_are_named(user):
    codex = user.home / "bin" / "codex"
    codex.write_text(f"#!{sys.executable}\nraise SystemExit(3)\n")
    codex.chmod(0o755)
    done = user.run("install", "codex", "cursor", "vscode", "--yes")
    assert (done.returncode, user.file.read_text()) == (1, OTHERS)
    assert "failed with exit code 3" in done.stderr
    assert done.stderr.endswith("Not changed because of that: Cursor, VS Code.\n")


@PROCESSES
def test_an_agent_with_a_command_of_its_own_is_asked_to_do_it(user):
    codex = user.home / "bin" / "codex"
    log = user.home / "log"
    codex.write_text(f"#!{sys.executable}\nimport sys\nopen({str(log)!r}, 'w').write(repr(sys.argv[1:]))\n")
    codex.chmod(0o755)
    done = user.run("install", "codex", "--yes")
    words = ["mcp", "add", "img402", "--", *running_program()]
    assert (done.returncode, log.read_text()) == (0, repr(words))
    assert f"Codex will run: {codex} {' '.join(words)}\n" in done.stdout
