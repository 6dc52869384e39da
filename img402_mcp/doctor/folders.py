"""Folders and files on this machine: what may be read, what is kept, who else may look into it."""

import errno
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

from anyio.to_thread import run_sync

from img402_mcp.client.files.allow_list import BY_THE_USER, listed
from img402_mcp.client.files.refusal import REASONS
from img402_mcp.client.files.roots import existing_folder
from img402_mcp.client.history import History
from img402_mcp.client.payments.journal import Journal
from img402_mcp.client.private_files import is_open_to_others, way_to_close
from img402_mcp.client.settings.folders import allow_list_file
from img402_mcp.client.settings.model import Settings
from img402_mcp.doctor.finding import CheckContext, Finding, Findings, fail, ok, unset, warn
from img402_mcp.errors import SettingsError, quoted


async def allowed(context: CheckContext) -> Findings:
    if "IMG402_ALLOW_DIRS" in context.broken:
        return []
    found = await run_sync(lambda: [*_allowed_folders(context.settings, context.home)])
    return found or [fail("No folder may be read from.", "Name one with IMG402_ALLOW_DIRS.")]


def _allowed_folders(settings: Settings, home: Path) -> Iterator[Finding]:
    by = settings.folders_named_by
    wanted = dict.fromkeys(settings.allow_dirs, f"named by {by}") if by else {**settings.default_reasons}
    if not by:
        with suppress(SettingsError):
            wanted |= {folder: BY_THE_USER for folder in listed(allow_list_file()) if folder not in wanted}
    for folder, reason in wanted.items():
        try:
            yield _allowed(existing_folder(folder, by or "`img402-mcp allow`"), reason, home)
        except SettingsError as error:
            yield fail(str(error))


def _allowed(root: Path, reason: str, home: Path) -> Finding:
    """Listed, since nothing else shows what macOS's privacy protection denies."""
    shown = f"{quoted(str(root))} ({reason})"
    try:
        with os.scandir(root) as entries:
            next(entries, None)
    except OSError as error:
        denied = REASONS.get(error.errno or 0, f"cannot be listed: {error.strerror}")
        is_denied = error.errno in {errno.EACCES, errno.EPERM}
        way_out = "Give this user access to it, or name another folder." if is_denied else "Name another folder."
        return fail(f"{shown} {denied}.", way_out)
    if home.resolve().is_relative_to(root):
        said = f"{shown} is wide: every image below it may be uploaded by an agent, the whole home folder included."
        remove = f"`img402-mcp allow --remove {quoted(str(root))}`, and allow the folders that screenshots are in."
        named = "Name the folders that screenshots are in, with IMG402_ALLOW_DIRS."
        return warn(said, remove if reason == BY_THE_USER else named)
    return ok(f"{shown} may be read")


async def state(context: CheckContext) -> Findings:
    try:
        folder = context.settings.state_dir
    except SettingsError as error:
        return [fail(str(error))]
    return await run_sync(lambda: [*_state(folder)])


def _state(folder: Path) -> Iterator[Finding]:
    shown, whole = quoted(str(folder)), folder.absolute()
    there = next(place for place in (whole, *whole.parents) if os.path.lexists(place))
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        said = f"Nothing can be kept in {shown} ({error.strerror}), neither the history nor payments."
        yield fail(said, way_to_keep_state(error.errno or 0))
        return
    use = "is writable" if there == folder else "is created at the first upload"
    yield from [*_open_to_others(folder)] or [ok(f"{shown} {use}")]


def way_to_keep_state(number: int) -> str:
    """`number` is the error's."""
    first = {
        errno.EACCES: "Make it writable",
        errno.EPERM: "Make it writable",
        errno.ENOSPC: "Free some space there",
        errno.EDQUOT: "Free some space there",
        errno.ENOTDIR: "Move the file away that is in its place",
    }.get(number)
    another = "name another folder with IMG402_STATE_DIR"
    return f"{first}, or {another}." if first else f"N{another[1:]}."


def _kept(look: Callable[[Path], Findings], settings: Settings) -> Findings:
    """Nothing where there is no folder to keep anything in, which `state` reports."""
    try:
        return look(settings.state_dir)
    except SettingsError:
        return []


def _open_to_others(folder: Path) -> Iterator[Finding]:
    if os.name != "nt" and folder.is_dir() and folder.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        yield warn(f"{quoted(str(folder))} may be written by others.", f"chmod go-w {quoted(str(folder))}")
    for file in sorted(folder.glob("*/*.db")):
        if (finding := private(file)) is not None:
            yield finding


def private(file: Path) -> Finding | None:
    """None: nobody else may read it, or it is not there."""
    try:
        is_open = is_open_to_others(file)
    except OSError:
        return None
    return warn(f"{quoted(str(file))} may be read or written by others.", way_to_close(file)) if is_open else None


async def history(context: CheckContext) -> Findings:
    if not context.settings.history:
        return [ok("switched off")]
    return await run_sync(_kept, _history, context.settings)


def _history(folder: Path) -> Findings:
    if not (folder / "ledger" / "ledger.db").exists():
        return [unset("none yet")]
    try:
        History.open(folder).close()
    except SettingsError as error:
        return [fail(str(error))]
    return [ok("can be opened")]


async def journal(context: CheckContext) -> Findings:
    return await run_sync(_kept, _journal, context.settings)


def _journal(folder: Path) -> Findings:
    if not (folder / "payments" / "journal.db").exists():
        return [unset("none yet")]
    try:
        with closing(Journal.open(folder)) as opened:
            pending = len(opened.open_payments())
    except SettingsError as error:
        return [fail(str(error))]
    if pending:
        return [
            warn(
                f"{pending} payments are open.",
                "`img402-mcp wallet status` lists them; `img402-mcp wallet resume` resumes them.",
            )
        ]
    return [ok("can be opened; no payment is open")]
