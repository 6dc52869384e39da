"""The agents that change their configuration themselves: real programs that write down what they were given."""

import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from img402_mcp.agents import mcp_add
from img402_mcp.agents.entry import Entry
from img402_mcp.agents.mcp_add import adding, removing
from img402_mcp.agents.table import known
from img402_mcp.errors import Img402Error, SettingsError
from tests.fakes.posix import PROCESSES, pipe

ENTRY = Entry(("/opt/img402-mcp",), {"IMG402_ALLOW_DIRS": "/shots"})
THERE = {"command": "/opt/img402-mcp", "args": [], "env": {"IMG402_ALLOW_DIRS": "/shots"}}
ADD = {
    "claude-code": "claude mcp add --scope user img402 --env IMG402_ALLOW_DIRS=/shots -- /opt/img402-mcp",
    "codex": "codex mcp add img402 --env IMG402_ALLOW_DIRS=/shots -- /opt/img402-mcp",
    "gemini": "gemini mcp add --scope user --env IMG402_ALLOW_DIRS=/shots img402 /opt/img402-mcp",
}
REMOVE = {
    "claude-code": "claude mcp remove --scope user img402",
    "codex": "codex mcp remove img402",
    "gemini": "gemini mcp remove --scope user img402",
}
PROGRAM = """#!{python}
import json, os, sys
with open({log!r}, "a") as log:
    log.write(json.dumps([os.path.basename(sys.argv[0]), *sys.argv[1:], os.getcwd(), *sorted(os.environ)]) + "\\n")
{more}
"""


class Machine:
    """A home folder, and a PATH with one agent's program."""

    def __init__(self, folder: Path) -> None:
        self.home, self.bin, self.log = folder / "home", folder / "bin", folder / "log"
        for each in (self.home / ".codex", self.home / ".gemini", self.bin):
            each.mkdir(parents=True)
        self.environ = {"PATH": str(self.bin), "IMG402_WALLET_KEY": "0xsecret", "img402_x": "1", "LANG": "C"}

    def agent(self, client: str, more: str = "", entry: dict[str, Any] | None = None):
        (config,) = (
            each for each in known(self.home, self.home, self.environ) if each.client == client and each.program
        )
        program = self.bin / (config.program + (".exe" if os.name == "nt" else ""))
        program.write_text(PROGRAM.format(python=sys.executable, log=str(self.log), more=more))
        program.chmod(0o755)
        if entry is not None:
            text = (
                f"mcp_servers.img402 = {toml(entry)}"
                if client == "codex"
                else json.dumps({"mcpServers": {"img402": entry}})
            )
            config.file.write_text(text)
        return config

    def ran(self) -> list[str]:
        """The commands, and nothing of ours in their environment."""
        calls = [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []
        ours = [name for call in calls for name in call if name.upper().startswith("IMG402_W") or name == "img402_x"]
        assert ours == []
        return [" ".join(call[: call.index(str(self.home))]) for call in calls]


def toml(value: Any) -> str:
    """Inline tables, lists and texts."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {toml(each)}" for name, each in value.items()) + "}"
    return json.dumps(value)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@PROCESSES
@pytest.mark.parametrize("client", ADD)
def test_the_agents_own_command_is_run_in_the_home_folder(machine, client):
    change = adding(machine.agent(client), ENTRY, machine.home, machine.environ)
    program = machine.bin / ADD[client].split()[0]
    assert change.commands == [[str(program), *ADD[client].split()[1:]]]
    assert machine.ran() == []
    change.carry_out()
    assert machine.ran() == [ADD[client]]


@PROCESSES
@pytest.mark.parametrize("client", ADD)
def test_nothing_is_run_where_the_same_entry_is_there(machine, client):
    config = machine.agent(client, entry=THERE)
    assert not adding(config, ENTRY, machine.home, machine.environ).is_needed
    assert not adding(config, Entry(ENTRY.command), machine.home, machine.environ).is_needed


@PROCESSES
@pytest.mark.parametrize("client", ADD)
def test_another_entry_is_removed_first_and_its_folders_are_kept(machine, client):
    config = machine.agent(client, entry=THERE | {"command": "/old", "args": ["x"]})
    adding(config, Entry(ENTRY.command), machine.home, machine.environ).carry_out()
    assert machine.ran() == [REMOVE[client], ADD[client]]


@PROCESSES
@pytest.mark.parametrize("client", ADD)
@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"env": {"IMG402_WALLET_KEY": "0xsecret"}}, id="variable"),
        pytest.param({"timeout": 7}, id="setting"),
        pytest.param({"url": "http://x"}, id="remote"),
        pytest.param({"env": 3}, id="number-of-variables"),
        pytest.param({"env": "x"}, id="text-of-variables"),
        pytest.param({"env": {"IMG402_ALLOW_DIRS": 3}}, id="number-of-folders"),
    ],
)
def test_settings_that_the_command_would_lose_or_show_are_named_and_kept(machine, client, more):
    config = machine.agent(client, entry=THERE | {"command": "/old"} | more)
    with pytest.raises(SettingsError, match="would lose") as caught:
        adding(config, ENTRY, machine.home, machine.environ)
    assert "0xsecret" not in str(caught.value)


@PROCESSES
@pytest.mark.parametrize("client", ADD)
def test_it_is_removed_by_the_agents_own_command(machine, client):
    removing(machine.agent(client, entry=THERE), machine.home, machine.environ).carry_out()
    assert machine.ran() == [REMOVE[client]]


@pytest.mark.parametrize("client", ADD)
def test_there_is_nothing_to_remove_where_there_is_no_entry(machine, client):
    assert not removing(machine.agent(client), machine.home, machine.environ).is_needed


@pytest.mark.parametrize("client", ADD)
def test_an_agent_that_is_not_installed_is_named(machine, client):
    config = machine.agent(client)
    with pytest.raises(SettingsError, match=f"there is no {config.program} in the PATH"):
        adding(config, ENTRY, machine.home, {"PATH": str(machine.home)})


@pytest.mark.parametrize("client", ADD)
def test_nothing_is_run_where_its_file_cannot_be_understood(machine, client):
    config = machine.agent(client)
    config.file.write_text("[[")
    with pytest.raises(SettingsError, match="cannot be read"):
        adding(config, ENTRY, machine.home, machine.environ)


@PROCESSES
def test_a_command_that_fails_is_quoted_with_a_bound(machine):
    config = machine.agent("codex", more="print('first' + 'x' * 9000 + '\\x1b[2J last'); sys.exit(3)")
    with pytest.raises(Img402Error, match="exit code 3") as caught:
        adding(config, ENTRY, machine.home, machine.environ).carry_out()
    said = str(caught.value)
    assert ("first" in said, "\x1b" in said, len(said) < 900) == (False, False, True)


@PROCESSES
def test_a_failure_after_the_removal_says_so(machine):
    config = machine.agent("codex", more="sys.exit('add' in sys.argv)", entry=THERE | {"command": "/old"})
    with pytest.raises(Img402Error, match="The earlier entry is removed already."):
        adding(config, ENTRY, machine.home, machine.environ).carry_out()


@PROCESSES
@pytest.mark.timeout(30)
def test_a_command_that_hangs_is_ended_with_its_children(machine, tmp_path):
    pipe(tmp_path / "pipe")
    child = f"import os, time; os.open({str(tmp_path / 'pipe')!r}, os.O_RDWR); time.sleep(60)"
    config = machine.agent("codex", f"import subprocess; subprocess.run([sys.executable, '-c', {child!r}])")
    change = replace(adding(config, ENTRY, machine.home, machine.environ), seconds=3)
    with pytest.raises(Img402Error, match="took more than 3 seconds"):
        change.carry_out()
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reader, True)
    assert os.read(reader, 1) == b""  # the child's end is closed
    os.close(reader)


@PROCESSES
@pytest.mark.timeout(20)
def test_a_command_that_writes_without_end_does_not_fill_the_disk(machine):
    config = machine.agent("codex", "while True: print('x' * 1_000_000)")
    with pytest.raises(Img402Error, match="wrote far too much"):
        adding(config, ENTRY, machine.home, machine.environ).carry_out()


@PROCESSES
def test_a_program_that_cannot_start_is_named(machine):
    config = machine.agent("codex")
    (machine.bin / "codex").write_text("#!/nowhere/python\n")
    with pytest.raises(Img402Error, match="does not start"):
        adding(config, ENTRY, machine.home, machine.environ).carry_out()


@pytest.mark.parametrize("mark", ['"', "%", "&", "|", "^", "\n"])
def test_a_word_that_cmd_would_obey_is_not_given_to_a_cmd_file(mark):
    with pytest.raises(SettingsError, match="would obey"):
        mcp_add.demand_harmless(r"C:\npm\claude.CMD", [f"C:\\a{mark}calc"])
    mcp_add.demand_harmless(r"C:\npm\claude.exe", [f"C:\\a{mark}calc"])


@PROCESSES
def test_a_folder_that_cmd_would_obey_is_not_given_to_a_cmd_file(machine):
    config = machine.agent("codex")
    (machine.bin / "codex").rename(machine.bin / "codex.cmd")
    with pytest.raises(SettingsError, match="would obey"):
        adding(
            replace(config, program="codex.cmd"),
            Entry(("/opt/img402-mcp",), {"IMG402_ALLOW_DIRS": "/a & b"}),
            machine.home,
            machine.environ,
        )
