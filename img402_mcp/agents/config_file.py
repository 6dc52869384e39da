"""An agent's file: read with bounds, and replaced as a whole, with a backup next to it.

Its permissions are kept, and a link to it stays a link. What somebody else has written meanwhile is not overwritten.
"""

import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from img402_mcp.agents.jsonc import parsed
from img402_mcp.agents.table import AgentConfig
from img402_mcp.atomic_write import atomic_write, draft_of
from img402_mcp.client.private_files import new_file_like
from img402_mcp.errors import SettingsError, quoted

MAX_BYTES = 20_000_000
"""Claude Code keeps much else in its file."""
MAX_CHANGED_BYTES = 5_000_000
"""Of a file that is changed: some seconds of work. Those that exist have some thousand bytes."""
_BOM = "\ufeff"


@dataclass(frozen=True)
class ConfigFile:
    path: Path
    target: Path
    """Where a link leads to; the same path if it is none."""
    content: bytes | None
    """None if there is no file."""

    @property
    def backup(self) -> Path:
        """Next to the path that the agent knows, and not where a link leads to, which others may see."""
        return self.path.with_name(f"{self.path.name}.before-img402")

    @property
    def text(self) -> str:
        """Without a byte order mark. Raises SettingsError."""
        try:
            return (self.content or b"").decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise SettingsError(
                f"{_shown(self.path)} is not UTF-8 (byte {error.start + 1}). Save it as UTF-8, and run this again."
            ) from None

    def encoded(self, text: str) -> bytes:
        mark = _BOM if (self.content or b"").startswith(_BOM.encode()) else ""
        return f"{mark}{text}".encode()


def read_config(config: AgentConfig) -> ConfigFile:
    """Raises SettingsError."""
    path = config.file
    try:
        target = Path(os.path.realpath(path))
        _demand_inside(target, config)
        content = _content(target)
    except (OSError, ValueError) as error:
        raise SettingsError(f"{_shown(path)} cannot be changed: {_reason(error)}.") from error
    return ConfigFile(path, target, content)


def write_config(file: ConfigFile, content: bytes | None, *, keep_backup: bool = False) -> None:
    """None deletes it. Raises SettingsError."""
    try:
        if file.content is None:
            file.target.parent.mkdir(parents=True, exist_ok=True)
            atomic_write(file.target, content or b"")
            return
        if not keep_backup:
            _back_up(file, file.content)
        _replace(file, content)
    except FileExistsError:
        _refuse_changed(file)
    except OSError as error:
        raise SettingsError(
            f"{_shown(file.path)} could not be written: {_reason(error)}. Nothing was changed in it."
        ) from error


def _back_up(file: ConfigFile, content: bytes) -> None:
    try:
        atomic_write(file.backup, content, create=new_file_like(file.target), overwrite=True)
    except OSError as error:
        raise SettingsError(
            f"{_shown(file.path)} is not changed, since its backup {_shown(file.backup)} could not be written: "
            f"{_reason(error)}."
        ) from error


def restored(file: ConfigFile) -> bytes | None:
    """The backup's content; None if there is none."""
    with suppress(OSError):
        return _content(file.backup)
    return None


def listed_servers(config: AgentConfig) -> dict[str, Any]:
    """The entries in the file, by name; none without a file.

    Raises OSError, and ValueError or RecursionError for a file that cannot be understood.
    """
    if not config.file.is_file():  # to open a pipe would wait for its writer
        return {}
    with config.file.open("rb") as file:
        text = file.read(MAX_BYTES).decode("utf-8-sig")
    if config.file.suffix == ".toml":
        import tomllib  # noqa: PLC0415  # for one agent alone

        document: Any = tomllib.loads(text)
    else:
        document = parsed(text, comments=config.comments)
    servers = document.get(config.key) if isinstance(document, dict) else None
    return servers if isinstance(servers, dict) else {}


def _demand_inside(target: Path, config: AgentConfig) -> None:
    """A project is other people's: its links must not lead us to a file of the user's."""
    if config.project is not None and not target.is_relative_to(os.path.realpath(config.project)):
        raise SettingsError(f"{_shown(config.file)} leads out of the project, so it is left alone.")


def _content(target: Path) -> bytes | None:
    """Raises OSError."""
    try:
        status = target.stat()
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(status.st_mode):
        raise OSError(0, "it is a folder" if stat.S_ISDIR(status.st_mode) else "it is not a regular file")
    if not status.st_mode & 0o222:
        raise OSError(0, "it is read-only. Make it writable, or change it where it is generated")
    if status.st_nlink > 1:
        raise OSError(
            0, "it has a second name, a hard link, which would keep the old content. Make that a symbolic link"
        )
    with target.open("rb") as file:
        content = file.read(MAX_CHANGED_BYTES + 1)
    if len(content) > MAX_CHANGED_BYTES:
        raise OSError(0, f"it has more than {MAX_CHANGED_BYTES:,} bytes")
    return content


def _replace(file: ConfigFile, content: bytes | None) -> None:
    if content is None:
        _demand_unchanged(file)
        file.target.unlink()
        return
    with draft_of(file.target, overwrite=True) as draft, os.fdopen(new_file_like(file.target)(draft), "wb") as output:
        output.write(content)
        output.flush()
        os.fsync(output.fileno())
        _demand_unchanged(file)


def _demand_unchanged(file: ConfigFile) -> None:
    if _content(file.target) != file.content:
        _refuse_changed(file)


def _refuse_changed(file: ConfigFile) -> None:
    raise SettingsError(f"{_shown(file.path)} was changed by another program meanwhile. Run this again.") from None


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else "") or "its path cannot be used"


def _shown(path: Path) -> str:
    return quoted(str(path), 4096)
