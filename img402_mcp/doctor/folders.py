"""Folders and files on this machine: what may be read, what is kept, who else may look into it."""

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from anyio.to_thread import run_sync

from img402_mcp.client.files.roots import Roots
from img402_mcp.client.history import History
from img402_mcp.client.payments.journal import Journal
from img402_mcp.doctor.finding import CheckContext, Finding, Findings, fail, ok, warn
from img402_mcp.errors import SettingsError, quoted


async def allowed(context: CheckContext) -> Findings:
    if "IMG402_ALLOW_DIRS" in context.broken:
        return []
    found = await run_sync(lambda: [_allowed(folder, context.home) for folder in context.settings.allow_dirs])
    return found or [fail("No folder may be read from.", "Name one with IMG402_ALLOW_DIRS.")]


def _allowed(folder: Path, home: Path) -> Finding:
    try:
        (root,) = Roots.resolve([folder]).directories
    except SettingsError as error:
        return fail(str(error))
    shown = quoted(str(root))
    if not os.access(root, os.R_OK | os.X_OK):
        return fail(f"{shown} may not be read by this user.", f"chmod u+rx {shown}, or name another folder.")
    if home.resolve().is_relative_to(root):
        said = f"{shown} is wide: every image below it may be uploaded by an agent, the whole home folder included."
        return warn(said, "Name the folders that screenshots are in, with IMG402_ALLOW_DIRS.")
    return ok(f"{shown} may be read")


async def state(context: CheckContext) -> Findings:
    return await run_sync(lambda: [*_state(context.settings.state_dir)])


def _state(folder: Path) -> Iterator[Finding]:
    shown, there = quoted(str(folder)), _nearest(folder)
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        said = f"Nothing can be kept in {shown} ({error.strerror}), neither the history nor payments."
        yield fail(said, "Make it writable, or name another folder with IMG402_STATE_DIR.")
        return
    use = "is writable" if there == folder else "is made at the first upload"
    yield from [*_open_to_others(folder)] or [ok(f"{shown} {use}")]


def _nearest(folder: Path) -> Path:
    """The folder itself, or the one in which it would be made."""
    return next(place for place in (folder.absolute(), *folder.absolute().parents) if os.path.lexists(place))


def _open_to_others(folder: Path) -> Iterator[Finding]:
    if folder.is_dir() and folder.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        yield warn(f"{quoted(str(folder))} may be written by others.", f"chmod go-w {quoted(str(folder))}")
    for file in sorted(folder.glob("*/*.db")):
        if (finding := private(file)) is not None:
            yield finding


def private(file: Path) -> Finding | None:
    """None: nobody else may read it, or it is not there."""
    try:
        shared = file.stat().st_mode & 0o077
    except OSError:
        return None
    shown = quoted(str(file))
    return warn(f"{shown} may be read or written by others.", f"chmod 600 {shown}") if shared else None


async def history(context: CheckContext) -> Findings:
    if not context.settings.history:
        return [ok("switched off")]
    return await run_sync(_history, context.settings.state_dir)


def _history(folder: Path) -> Findings:
    if not (folder / "ledger" / "ledger.db").exists():
        return [ok("none yet")]
    try:
        History.open(folder).close()
    except SettingsError as error:
        return [fail(str(error))]
    return [ok("can be opened")]


async def journal(context: CheckContext) -> Findings:
    return await run_sync(_journal, context.settings.state_dir)


def _journal(folder: Path) -> Findings:
    if not (folder / "payments" / "journal.db").exists():
        return [ok("none yet")]
    try:
        with closing(Journal.open(folder)) as opened:
            pending = len(opened.open_payments())
    except SettingsError as error:
        return [fail(str(error))]
    if pending:
        return [
            warn(f"{pending} payments are open.", "`img402-mcp wallet status` tells which; `wallet resume` goes on.")
        ]
    return [ok("can be opened; no payment is open")]
