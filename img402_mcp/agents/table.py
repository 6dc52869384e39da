"""Which agents there are, and where each keeps its configuration. `doctor` and `install` share this table."""

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from img402_mcp.errors import quoted

NAME = "img402"
"""Of our entry."""


CLIENTS = {
    "claude-desktop": "Claude Desktop",
    "cursor": "Cursor",
    "vscode": "VS Code",
    "claude-code": "Claude Code",
    "codex": "Codex",
    "gemini": "Gemini CLI",
}
"""What `install` calls each, and its name."""


def why_unknown(client: str) -> str:
    from difflib import get_close_matches  # noqa: PLC0415  # a name that is wrong is worth the time to load it

    near = get_close_matches(client.lower()[:40], CLIENTS)
    way_out = f"Did you mean {' or '.join(near)}?" if near else "For other agents docs/clients.md has the lines."
    return f"{quoted(client, 40)} is not one of {', '.join(CLIENTS)}. {way_out}"


@dataclass(frozen=True)
class AgentConfig:
    """`windowed`: started from a desktop, so it often does not see the PATH of a shell."""

    client: str
    file: Path
    key: str = "mcpServers"
    windowed: bool = True
    comments: bool = False
    """Comments are allowed in its file, so it need not be plain JSON."""
    project: Path | None = None
    """The folder of a project that the file belongs to."""
    program: str = ""
    """The agent's own command, which changes the file."""

    @property
    def name(self) -> str:
        return CLIENTS[self.client]


_WITH_COMMANDS = (
    AgentConfig("claude-code", Path(".claude.json"), windowed=False, program="claude"),
    AgentConfig("codex", Path(".codex/config.toml"), key="mcp_servers", windowed=False, program="codex"),
    AgentConfig("gemini", Path(".gemini/settings.json"), windowed=False, comments=True, program="gemini"),
)
"""Their files are below the home folder."""


def known(home: Path, here: Path, environ: Mapping[str, str], system: str = sys.platform) -> Iterator[AgentConfig]:
    for folder in _of_claude_desktop(home, environ, system):
        yield AgentConfig("claude-desktop", folder / "claude_desktop_config.json")
    for name in ("Code", "Code - Insiders"):
        file = _applications(home, environ, system) / name / "User" / "mcp.json"
        yield AgentConfig("vscode", file, "servers", comments=True)
    yield AgentConfig("vscode", here / ".vscode" / "mcp.json", "servers", comments=True, project=here)
    yield AgentConfig("cursor", home / ".cursor" / "mcp.json", comments=True)
    if here != home:
        yield AgentConfig("cursor", here / ".cursor" / "mcp.json", comments=True, project=here)
    yield AgentConfig("claude-code", here / ".mcp.json", windowed=False, project=here)
    moved = {"claude-code": "CLAUDE_CONFIG_DIR", "codex": "CODEX_HOME"}
    for each in _WITH_COMMANDS:
        elsewhere = environ.get(moved.get(each.client, ""))
        yield replace(each, file=Path(elsewhere, each.file.name) if elsewhere else home / each.file)


def of_client(client: str, configs: Iterable[AgentConfig], *, project: bool) -> list[AgentConfig]:
    """Those whose application has a folder here, else the usual one."""
    possible = [each for each in configs if each.client == client and (each.project is not None) == project]
    return [each for each in possible if each.file.parent.is_dir()] or possible[:1]


def is_here(config: AgentConfig, environ: Mapping[str, str]) -> bool:
    """The agent seems to be installed."""
    if config.program:
        return find_program(config.program, environ) is not None
    return config.project is None and config.file.parent.is_dir()


def find_program(name: str, environ: Mapping[str, str], *, windows: bool = os.name == "nt") -> Path | None:
    """On the PATH, but never in the working directory, where Windows looks first and a project may have put one."""
    folders = [Path(each) for each in environ.get("PATH", "").split(os.pathsep) if Path(each).is_absolute()]
    names = [f"{name}{end}" for end in (".exe", ".cmd", ".bat")] if windows else [name]
    files = (folder / each for folder in folders for each in names)
    return next((each for each in files if each.is_file() and os.access(each, os.X_OK)), None)


def _of_claude_desktop(home: Path, environ: Mapping[str, str], system: str) -> Iterator[Path]:
    """From Windows' Store it keeps its folder inside the package's own, and does not see the usual one."""
    if system == "win32":
        packages = Path(environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "Packages"
        yield from (each / "LocalCache" / "Roaming" / "Claude" for each in sorted(packages.glob("Claude_*")))
    yield _applications(home, environ, system) / "Claude"


def _applications(home: Path, environ: Mapping[str, str], system: str) -> Path:
    if system == "win32":
        return Path(environ.get("APPDATA") or home / "AppData" / "Roaming")
    if system == "darwin":
        return home / "Library" / "Application Support"
    return Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
