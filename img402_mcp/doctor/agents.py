"""The configurations of agents that start this server. Only names and commands in them are shown."""

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from anyio.to_thread import run_sync

from img402_mcp.agents.change import URLS
from img402_mcp.agents.config_file import listed_servers
from img402_mcp.agents.table import AgentConfig, known
from img402_mcp.doctor import variables
from img402_mcp.doctor.finding import CheckContext, Finding, Findings, fail, ok, unset, warn
from img402_mcp.errors import quoted


async def agents(context: CheckContext) -> Findings:
    return await run_sync(lambda: [*_agents(known(context.home, context.here, context.environ))])


def _agents(agents: Iterable[AgentConfig]) -> Iterator[Finding]:
    there = [agent for agent in agents if agent.file.is_file()]
    found = [finding for agent in there for finding in _agent(agent)]
    names = ", ".join(dict.fromkeys(agent.name for agent in there))
    yield from found or [
        Finding("ok", f"none of {names} starts img402-mcp", "`img402-mcp install` adds it to an agent.")
        if there
        else unset("no configuration of a known agent here")
    ]


def _agent(agent: AgentConfig) -> Iterator[Finding]:
    try:
        servers = _servers(agent)
    except OSError as error:
        yield warn(f"{_named(agent)} cannot be read ({error.strerror}).", "Make it readable.")
    except json.JSONDecodeError as error:
        kind, also = ("JSON", "") if agent.comments else ("plain JSON", "comment, ")
        said = f"{_named(agent)} is not {kind} (line {error.lineno})."
        yield fail(said, f"Look for a {also}comma, quote or bracket there.")
    except UnicodeDecodeError:
        yield fail(f"{_named(agent)} is not UTF-8.", "Save it as UTF-8.")
    except RecursionError:
        yield warn(f"{_named(agent)} is nested too deep to be read here.", "Look for brackets that nothing closes.")
    except ValueError:
        yield fail(f"{_named(agent)} is not TOML.", "Look for a quote or bracket that nothing closes.")
    else:
        yield from (finding for name, entry in servers.items() for finding in _entry(agent, name, entry))


def _servers(agent: AgentConfig) -> dict[str, dict[str, Any]]:
    """Those that look like ours."""
    listed = listed_servers(agent).items()
    there = {name: entry for name, entry in listed if isinstance(entry, dict)}
    words = {name: json.dumps([name, entry.get("command"), entry.get("args")]) for name, entry in there.items()}
    return {name: entry for name, entry in there.items() if "img402" in words[name]}


def _entry(agent: AgentConfig, name: str, entry: dict[str, Any]) -> Iterator[Finding]:
    where = f"{_named(agent)}, server {quoted(name)}"
    if isinstance(command := entry.get("command"), str):
        yield _command(agent, where, command)
    elif not any(url in entry for url in URLS):
        yield fail(f"{where} has no command.", "Name it by its absolute path.")
    environ = entry.get("env")
    if isinstance(environ, dict):
        yield from _environment(where, {str(key): str(value) for key, value in environ.items()})


def _command(agent: AgentConfig, where: str, command: str) -> Finding:
    shown, path = quoted(command), Path(command)
    found = shutil.which(command)
    if path.is_absolute():
        return ok(f"{where}: {shown} exists") if found else fail(*_unusable(where, path))
    if os.path.dirname(command):  # noqa: PTH120  # Path("./x") forgets its dot
        return fail(f"{where}: {shown} depends on where the agent is started.", "Name it by its absolute path.")
    if found is None:
        return fail(f"{where}: {shown} is not in the PATH.", "Name it by its absolute path.")
    if agent.windowed:
        said = f"{where}: {shown} is in your shell's PATH, which desktop programs often do not see."
        return warn(said, f"Name it as {quoted(found)}.")
    return ok(f"{where}: {shown} is in the PATH")


def _unusable(where: str, path: Path) -> tuple[str, str]:
    if path.is_dir():
        return f"{where}: {quoted(str(path))} is a folder.", "Name the program in it."
    if path.exists():
        return f"{where}: {quoted(str(path))} may not be run.", "Name a program, or make this file executable."
    look = "where" if os.name == "nt" else "which"
    return f"{where}: {quoted(str(path))} does not exist.", f"Name the path that `{look} {path.name}` prints."


def _environment(where: str, environ: Mapping[str, str]) -> Iterator[Finding]:
    """A value such as ${NAME} is filled in by the agent, so it says nothing yet."""
    plain = {name: value for name, value in environ.items() if "${" not in value}
    _, sentences = variables.read(plain)
    yield from (fail(f"{where}: {sentence}") for sentence in sentences.values())
    yield from (Finding(each.level, f"{where}: {each.said}", each.fix) for each in variables.unknown(environ))


def _named(agent: AgentConfig) -> str:
    return f"{agent.name}'s {quoted(str(agent.file))}"
