"""Puts this server into agents, or takes it out. All is decided before anything is written."""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace as Flags

from img402_mcp.agents.change import FileChange, installing, uninstalling
from img402_mcp.agents.config_file import listed_servers
from img402_mcp.agents.entry import Entry, environment, suggested_folders
from img402_mcp.agents.mcp_add import CommandChange, adding, removing
from img402_mcp.agents.program import running_program
from img402_mcp.agents.table import CLIENTS, NAME, AgentConfig, is_here, known, of_client, why_unknown
from img402_mcp.cli import person
from img402_mcp.cli.shell_words import lines_to_paste
from img402_mcp.client.settings.folders import VARIABLE, home_folder, screenshots_folder
from img402_mcp.errors import Img402Error, SettingsError, printable, quoted

Change = FileChange | CommandChange
_WITH_PROJECT_FILES = ("cursor", "vscode")


def run(flags: Flags) -> int:
    """The exit code is 2 if the person said no."""
    if not (flags.yes or flags.dry_run or person.is_there()):
        raise SettingsError("Nobody can be asked here: add --yes, or --dry-run to see what would be changed.")
    if (home := home_folder()) is None:
        raise SettingsError("This user has no home folder, so no agent has a configuration here.")
    agents = _Agents(home, _working_directory() or home, project=flags.project)
    changes = _removals(agents, flags) if flags.action == "uninstall" else _additions(agents, flags)
    return 0 if all([*_made(changes, flags)]) else 2


@dataclass(frozen=True)
class _Agents:
    home: Path
    here: Path
    project: bool

    def __post_init__(self) -> None:
        if self.project and self.here == self.home:
            raise SettingsError("The home folder is not a project: leave out --project, or go to the project's folder.")

    def configs(self, clients: Iterable[str]) -> list[AgentConfig]:
        """Raises SettingsError."""
        if self.project and (others := [client for client in clients if client not in _WITH_PROJECT_FILES]):
            raise SettingsError(f"--project goes with {' and '.join(_WITH_PROJECT_FILES)}, not with {others[0]}.")
        found = [*known(self.home, self.here, os.environ)]
        return [each for client in dict.fromkeys(clients) for each in of_client(client, found, project=self.project)]

    def installed(self) -> list[str]:
        """The clients that seem to be installed."""
        if self.project:
            return [*_WITH_PROJECT_FILES]
        there = {each.client for each in known(self.home, self.here, os.environ) if is_here(each, os.environ)}
        return [client for client in CLIENTS if client in there]

    def with_entry(self) -> list[str]:
        possible = _WITH_PROJECT_FILES if self.project else CLIENTS
        return [client for client in possible if any(map(_may_have_entry, self.configs([client])))]


def _working_directory() -> Path | None:
    with suppress(OSError):  # it was deleted
        return Path.cwd()
    return None


def _additions(agents: _Agents, flags: Flags) -> list[Change]:
    """Raises SettingsError."""
    configs = agents.configs(flags.clients or _chosen(agents.installed(), flags))
    folders = flags.allow_dirs or (() if flags.yes or flags.dry_run else _asked_folders(configs, agents.home))
    entry = Entry(running_program(), environment(folders, flags.assignments))
    return [
        adding(config, entry, agents.home, os.environ) if config.program else installing(config, entry)
        for config in configs
    ]


def _removals(agents: _Agents, flags: Flags) -> list[Change]:
    """Raises SettingsError."""
    there = flags.clients or agents.with_entry()
    if not there:
        print(f"No agent here has an entry {NAME}.")
    configs = agents.configs(flags.clients or (_chosen(there, flags) if there else []))
    return [removing(config, agents.home, os.environ) if config.program else uninstalling(config) for config in configs]


def _may_have_entry(config: AgentConfig) -> bool:
    """Also a file that cannot be understood, so that its error is seen if it is chosen."""
    try:
        return NAME in listed_servers(config)
    except (OSError, ValueError, RecursionError):
        return True


def _chosen(clients: Sequence[str], flags: Flags) -> list[str]:
    """Raises SettingsError where nobody can be asked."""
    if not clients:
        raise SettingsError(f"No agent was found here. Name the one to come: {', '.join(CLIENTS)}.")
    if flags.dry_run:
        return [*clients]
    if not person.is_there():
        raise SettingsError(f"Name the agent. Found here: {', '.join(clients)}.")
    print("Found on this machine:", file=sys.stderr)
    picked = [*_picked("Which? Numbers or names", clients, [f"{CLIENTS[client]} ({client})" for client in clients])]
    if unknown := [word for word in picked if word.lower() not in CLIENTS]:
        raise SettingsError(f"{why_unknown(unknown[0])} A number of the list is also understood.")
    return [word.lower() for word in picked]


def _picked(question: str, values: Sequence[str], names: Sequence[str]) -> Iterator[str]:
    """What the person picks by numbers; other words are given as they are."""
    for number, name in enumerate(names, 1):
        print(f"  {number}  {printable(name)}", file=sys.stderr)
    for word in person.asked(f"{question}, with commas between; Enter for none: ").split(","):
        if (word := word.strip()).isdecimal() and 0 < int(word) <= len(values):
            yield values[int(word) - 1]
        elif word:
            yield word


def _asked_folders(configs: Sequence[AgentConfig], home: Path) -> list[str]:
    """Nobody is asked where an entry names folders already: those are kept."""
    if not configs or any(map(_names_folders, configs)):
        return []
    print(
        "From which folders may images be uploaded? If you name some, only they count. If you name none, the usual "
        "ones count (docs/clients.md), and you are asked for others when they are needed.",
        file=sys.stderr,
    )
    folders = [*map(str, suggested_folders(home, screenshots_folder()))]
    return [*_picked("Which? Numbers or paths", folders, folders)]


def _names_folders(config: AgentConfig) -> bool:
    with suppress(OSError, ValueError, RecursionError, LookupError, TypeError):  # the last two: something else is there
        return VARIABLE in listed_servers(config)[NAME]["env"]
    return False


def _made(changes: Sequence[Change], flags: Flags) -> Iterator[bool]:
    """Raises Img402Error, which names the agents that come after the one that failed."""
    for number, change in enumerate(changes, 1):
        try:
            yield _make(change, flags)
        except Img402Error as error:
            rest = ", ".join(each.config.name for each in changes[number:] if each.is_needed)
            raise (error.adding(f"Not changed because of that: {rest}.") if rest else error) from None


def _make(change: Change, flags: Flags) -> bool:
    """False if the person said no. Raises Img402Error."""
    name = change.config.name
    if not change.is_needed:
        state = "has no entry" if flags.action == "uninstall" else "has this entry already"
        print(f"{name} {state}; nothing to do.")
        return True
    print("\n".join(_shown(change)))
    if flags.dry_run:
        return True
    if not flags.yes and person.asked("Do this (y/N)? ").lower() not in {"y", "yes"}:
        print(f"{name}: nothing was changed.")
        return False
    print(printable(change.carry_out()))
    if flags.action != "uninstall":
        print(f"Restart {name}, so that it starts the server.")
    return True


def _shown(change: Change) -> Iterator[str]:
    name = change.config.name
    if isinstance(change, FileChange):
        yield from (f"{name}: {quoted(str(change.file.path), 4096)}", *change.lines)
    else:
        for command in change.commands:
            yield from lines_to_paste(f"{name} will run", command)
