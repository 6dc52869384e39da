"""The agents that change their configuration by a command of their own, `mcp add` and `mcp remove`."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from time import monotonic
from typing import Any, BinaryIO

from img402_mcp.agents.change import URLS
from img402_mcp.agents.config_file import listed_servers
from img402_mcp.agents.entry import MEMBERS, Entry
from img402_mcp.agents.table import NAME, AgentConfig, find_program
from img402_mcp.client.settings.folders import VARIABLE
from img402_mcp.errors import Img402Error, SettingsError, quoted

SECONDS = 60
"""Gemini CLI takes four seconds for either command on a machine with nothing else to do."""
_MOST_SAID = 4000
_MOST_WRITTEN = 10_000_000
"""Of what it prints, looked at five times a second: it goes to a file, which must not fill the disk."""
_OBEYED_BY_CMD = frozenset('"%&|<>^!\r\n')
_USER = ("--scope", "user")


@dataclass(frozen=True)
class CommandChange:
    """`commands` run one after the other in the home folder, where no project's settings count."""

    config: AgentConfig
    commands: list[list[str]]
    home: Path
    environ: Mapping[str, str] = field(repr=False)
    seconds: float = SECONDS

    @property
    def is_needed(self) -> bool:
        return bool(self.commands)

    def carry_out(self) -> str:
        """What was done. Raises Img402Error."""
        for number, command in enumerate(self.commands):
            try:
                self._run(command)
            except Img402Error as error:
                raise (error.adding("The earlier entry is removed already.") if number else error) from None
        return f"{self.config.name} has changed its own configuration."

    def _run(self, command: Sequence[str]) -> None:
        """Raises Img402Error. It gets none of our own settings, which may be secret."""
        environ = {name: value for name, value in self.environ.items() if not name.upper().startswith("IMG402_")}
        shown = quoted(command[0], 4096)
        with TemporaryFile() as said:
            try:
                running = subprocess.Popen(  # noqa: S603  # the agent's own program, from an absolute folder of the PATH
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=said,
                    stderr=said,
                    cwd=self.home,
                    env=environ,
                    start_new_session=True,
                )
            except OSError as error:
                raise Img402Error(f"{shown} does not start: {error.strerror}.") from error
            code = _waited(running, self.seconds, said)
            if code is None:
                raise Img402Error(
                    f"{shown} took more than {self.seconds} seconds, or wrote far too much; it was ended."
                )
            if code:
                raise Img402Error(f"{shown} failed with exit code {code}: {_end_of(said)}.")


def adding(config: AgentConfig, entry: Entry, home: Path, environ: Mapping[str, str]) -> CommandChange:
    """Raises SettingsError."""
    program, there = _program(config, environ), _there(config)
    if there is not None and _is_same(entry, there):
        return CommandChange(config, [], home, environ)
    if there is not None:
        entry = Entry(entry.command, _kept(config, there) | dict(entry.environ))
    commands = [_add(config, program, entry)]
    if there is not None:
        commands.insert(0, _remove(config, program))
    demand_harmless(program, [*entry.command, *entry.environ.values()])
    return CommandChange(config, commands, home, environ)


def removing(config: AgentConfig, home: Path, environ: Mapping[str, str]) -> CommandChange:
    """Raises SettingsError."""
    commands = [] if _there(config) is None else [_remove(config, _program(config, environ))]
    return CommandChange(config, commands, home, environ)


def _program(config: AgentConfig, environ: Mapping[str, str]) -> str:
    if program := find_program(config.program, environ):
        return str(program)
    raise SettingsError(
        f"{config.name} is not installed here: there is no {config.program} in the PATH. Install it, or add its folder "
        "to the PATH."
    )


def _there(config: AgentConfig) -> dict[str, Any] | None:
    """Its entry of ours in the user's own configuration."""
    try:
        entry = listed_servers(config).get(NAME)
    except (OSError, ValueError, RecursionError) as error:
        reason = "it is nested too deep" if isinstance(error, RecursionError) else quoted(str(error))
        raise SettingsError(
            f"{config.name}'s {quoted(str(config.file), 4096)} cannot be read, so {config.program} is not run: "
            f"{reason}."
        ) from error
    return entry if isinstance(entry, dict) else None


def _is_same(entry: Entry, there: Mapping[str, Any]) -> bool:
    return all(_at(there, path) == value for path, value in entry.changes(there))


def _at(entry: Mapping[str, Any], path: Sequence[str]) -> object:
    value: object = entry
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _kept(config: AgentConfig, there: Mapping[str, Any]) -> dict[str, str]:
    """The folders. Other settings might be secret, and the words of a command can be seen by other users."""
    environ = there.get("env") or {}
    is_read = isinstance(environ, dict) and isinstance(environ.get(VARIABLE, ""), str)
    others = sorted({*there} - MEMBERS | ({*environ} - {VARIABLE} if is_read else {"env"}))
    if others or any(url in there for url in URLS):
        names = ", ".join(quoted(name, 40) for name in others[:5])
        raise SettingsError(
            f"{config.name} has another entry img402, whose settings ({names}) its command would lose. Change its "
            f"command yourself in {quoted(str(config.file), 4096)}, or remove it with `{config.program} mcp remove "
            f"{NAME}` and run this again."
        )
    return dict(environ)


def _add(config: AgentConfig, program: str, entry: Entry) -> list[str]:
    variables = [word for name, value in entry.environ.items() for word in ("--env", f"{name}={value}")]
    if config.client == "gemini":  # it takes no `--`
        return [program, "mcp", "add", *_USER, *variables, NAME, *entry.command]
    scope = _USER if config.client == "claude-code" else ()
    return [program, "mcp", "add", *scope, NAME, *variables, "--", *entry.command]


def _remove(config: AgentConfig, program: str) -> list[str]:
    scope = () if config.client == "codex" else _USER
    return [program, "mcp", "remove", *scope, NAME]


def demand_harmless(program: str, words: Sequence[str]) -> None:
    """Windows runs a .cmd through its shell, which obeys some characters in any word."""
    if program.lower().endswith((".cmd", ".bat")) and any(_OBEYED_BY_CMD & {*word} for word in words):
        raise SettingsError(
            f"{quoted(program, 4096)} runs in cmd, which would obey a character of a path here. Run the command that "
            "docs/clients.md names in PowerShell yourself."
        )


def _waited(running: "subprocess.Popen[bytes]", seconds: float, said: BinaryIO) -> int | None:
    """The exit code; None if it took too long or wrote too much. It also ends when the person interrupts us."""
    end = monotonic() + seconds
    try:
        while (left := end - monotonic()) > 0 and os.fstat(said.fileno()).st_size <= _MOST_WRITTEN:
            with suppress(subprocess.TimeoutExpired):
                return running.wait(min(0.2, left))
        return None
    finally:
        if running.poll() is None:
            _kill(running)


def _kill(running: "subprocess.Popen[bytes]") -> None:
    """With its children, such as a shim's, where the system has groups."""
    with suppress(ProcessLookupError):
        if os.name == "nt":
            running.kill()
        else:
            os.killpg(running.pid, signal.SIGKILL)
    running.wait()


def _end_of(said: BinaryIO) -> str:
    said.seek(max(0, said.seek(0, os.SEEK_END) - _MOST_SAID))
    return quoted(said.read().decode("utf-8", "replace").strip() or "it said nothing", 500)
