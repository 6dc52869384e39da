"""What `install` and `uninstall` do to one agent's file: decided and shown first, then written."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

from img402_mcp.agents.config_file import ConfigFile, read_config, restored, write_config
from img402_mcp.agents.entry import Entry, difference, is_plain
from img402_mcp.agents.jsonc import parsed, with_member, without_member
from img402_mcp.agents.table import NAME, AgentConfig
from img402_mcp.errors import SettingsError, quoted

URLS = ("url", "httpUrl", "serverUrl")
"""An entry with one of these is a server that is asked over HTTP."""


@dataclass(frozen=True)
class FileChange:
    """`lines`: what a person is shown. `after`: the new content; None if the file goes."""

    config: AgentConfig
    file: ConfigFile
    after: bytes | None
    lines: list[str]
    gives_back: bool = False
    """The file becomes what it was before `install`, so the backup is not needed any more."""

    @property
    def is_needed(self) -> bool:
        return self.after != self.file.content

    def carry_out(self) -> str:
        """What was done. Raises SettingsError."""
        write_config(self.file, self.after, keep_backup=_is_installs_own(self.config, self.file))
        if self.gives_back:
            with suppress(OSError):
                self.file.backup.unlink()
        backup = f" The file as it was: {self.file.backup}" if self.file.backup.exists() else ""
        return f"{self.file.path} was {'removed' if self.after is None else 'written'}.{backup}"


def installing(config: AgentConfig, entry: Entry) -> FileChange:
    """Raises SettingsError."""
    file = read_config(config)
    there = entry_in(file, config)
    typed = config.key == "servers"
    ours = entry.as_json(typed=typed)
    if there is None:
        return FileChange(config, file, _with_entry(file, config, ours), _shown(config, difference(None, ours, ours)))
    _demand_ours(file, config, there)
    text, after = file.text, dict(there)
    for path, value in entry.changes(there, typed=typed):
        text = _edited(file, config, text, path, value)
        after |= {path[0]: value if len(path) == 1 else {**(after.get(path[0]) or {}), path[1]: value}}
    change = FileChange(config, file, file.encoded(text), _shown(config, difference(there, after, ours)))
    if config.project is not None and change.is_needed:
        raise SettingsError(
            f"{quoted(str(file.path), 4096)} has an entry img402 that this program did not write, and a project's file "
            "may come from other people. Look at it, run `img402-mcp uninstall --project`, then install again."
        )
    return change


def uninstalling(config: AgentConfig) -> FileChange:
    """Raises SettingsError."""
    file = read_config(config)
    there = entry_in(file, config)
    if there is None:
        return FileChange(config, file, file.content, [])
    lines = _shown(config, difference(there, None, {}))
    if before := _contents_before(config, file):
        return FileChange(config, file, before[0], lines, gives_back=is_plain(there))
    with _understanding(file):
        without = without_member(file.text, (config.key, NAME), comments=config.comments)
    return FileChange(config, file, file.encoded(without), lines)


def entry_in(file: ConfigFile, config: AgentConfig) -> dict[str, Any] | None:
    """Raises SettingsError for a file that cannot be understood."""
    with _understanding(file):
        document = parsed(file.text, comments=config.comments)
    servers = document.get(config.key) if isinstance(document, dict) else None
    entry = servers.get(NAME) if isinstance(servers, dict) else None
    return entry if isinstance(entry, dict) else None


def _contents_before(config: AgentConfig, file: ConfigFile) -> list[bytes | None]:
    """What the file was if only `install` has changed it since: with our entry it is exactly what is there now."""
    there = entry_in(file, config) or {}
    candidates = dict.fromkeys((restored(file), None))
    return [content for content in candidates if _becomes(config, replace(file, content=content), there, file.content)]


def _is_installs_own(config: AgentConfig, file: ConfigFile) -> bool:
    """Nothing in the file is lost if there is no further backup: not even a key that somebody added to our entry."""
    return bool(_contents_before(config, file)) and is_plain(entry_in(file, config) or {})


def _becomes(config: AgentConfig, before: ConfigFile, entry: Mapping[str, Any], after: bytes | None) -> bool:
    with suppress(SettingsError):
        return _with_entry(before, config, entry) == after
    return False


def _with_entry(file: ConfigFile, config: AgentConfig, entry: Mapping[str, Any]) -> bytes:
    return file.encoded(_edited(file, config, file.text, (), dict(entry)))


def _edited(file: ConfigFile, config: AgentConfig, text: str, path: Sequence[str], value: object) -> str:
    with _understanding(file):
        edited = with_member(text, (config.key, NAME, *path), value, comments=config.comments)
        edited.encode()
        return edited


def _demand_ours(file: ConfigFile, config: AgentConfig, there: Mapping[str, Any]) -> None:
    if any(name in there for name in URLS):
        raise SettingsError(
            f"{quoted(str(file.path), 4096)} has an entry img402 with a URL, so {config.name} does not start that "
            "server itself. Rename or remove that entry, and run this again."
        )


@contextmanager
def _understanding(file: ConfigFile) -> Iterator[None]:
    """Raises SettingsError for what cannot be read or written as JSON."""
    try:
        yield
    except json.JSONDecodeError as error:
        reason = f"line {error.lineno}, column {error.colno}: {error.msg}"
    except RecursionError:
        reason = "it is nested too deep"
    except UnicodeEncodeError:
        reason = "the program's path or a folder's has bytes that are not text, which JSON cannot hold"
    else:
        return
    raise SettingsError(
        f"{quoted(str(file.path), 4096)} cannot be changed: {reason}. Correct that, and run this again. Nothing was "
        "written."
    )


def _shown(config: AgentConfig, lines: list[str]) -> list[str]:
    return [f'  "{config.key}":', *(f"  {line}" for line in lines)]
