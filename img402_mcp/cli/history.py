"""The history of uploads, for a person: a table that fits the terminal, or JSON for a script."""

import json
import os
import shutil
import sys
import time
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from types import SimpleNamespace as Flags
from typing import Any

from img402_mcp.client.history import DAY, History, HistoryEntry, expiring_before
from img402_mcp.client.settings.read import client_settings
from img402_mcp.errors import SettingsError, printable
from img402_mcp.wire.moments import moment_of
from img402_mcp.wire.x402 import usdc

_NARROWEST_NAME = 12
_GAP = "  "


def run(flags: Flags) -> int:
    _demand_one_query(flags)
    with closing(History.open(client_settings(os.environ).state_dir)) as history:
        if flags.forget_all:
            return _forgotten(history.forget_all())
        if flags.forget is not None:
            return _forgotten(history.forget(flags.forget))
        return _show(history, flags)


def _demand_one_query(flags: Flags) -> None:
    """`history shot --forget-all` could mean only the shot, and an unset variable gives an empty query."""
    forgets = flags.forget_all or flags.forget is not None
    if forgets and (flags.query or flags.expiring):
        raise SettingsError("Nothing was forgotten: --forget takes only its QUERY, and --forget-all takes none.")
    if flags.forget is not None and not flags.forget.strip():
        raise SettingsError("Nothing was forgotten: --forget names nothing; --forget-all forgets every upload.")


def _forgotten(number: int) -> int:
    print(f"{_uploads(number)} forgotten. The images themselves stay public until they expire.")
    return 0 if number else 1


def _show(history: History, flags: Flags) -> int:
    now = time.time()
    until = expiring_before(now, flags.expiring)
    entries = history.find(flags.query, until, now=now, limit=flags.limit or -1)
    if flags.json:
        print(json.dumps([as_json(entry) for entry in entries], indent=2))
    else:
        _print_table(entries, now, history.count(flags.query, until, now=now) - len(entries))
    if entries and flags.expiring:
        print(f"`img402-mcp renew --expiring {flags.expiring}` uploads them again.", file=sys.stderr)
    return 0 if entries else 1


def _print_table(entries: Sequence[HistoryEntry], now: float, more: int) -> None:
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for line in table(entries, now=now, width=width):
        print(line)
    if not entries:
        print("No such upload is known.", file=sys.stderr)
    if more:
        print(f"{_uploads(more)} not shown; --limit 0 shows all.", file=sys.stderr)


def _uploads(number: int) -> str:
    return f"{number} upload{'' if number == 1 else 's'}"


def as_json(entry: HistoryEntry) -> dict[str, Any]:
    """The entry as it is, with times as in ISO 8601 and the price in USDC."""
    expires_at = None if entry.expires_at is None else _moment(entry.expires_at, "%Y-%m-%dT%H:%M:%SZ")
    fields = asdict(entry) | {"at": _moment(entry.at, "%Y-%m-%dT%H:%M:%SZ"), "expires_at": expires_at}
    del fields["delete_url"]  # it deletes the image, and lists are shared
    return fields | {"price_usdc": usdc(fields.pop("price"))}


def table(entries: Sequence[HistoryEntry], *, now: float, width: int | None) -> Iterator[str]:
    """Time, file, size, expiry and URL. To fit into `width` cells the file's path is cut at its start; if that is not
    enough, the URL gets its own line. It is never cut. None: nothing is cut.
    """
    rows = [_cells(entry, now) for entry in entries]
    if not rows:
        return
    when, path, size, expiry, url = (max(map(_width, column)) for column in zip(*rows, strict=True))
    room = path if width is None else width - when - size - expiry - 3 * len(_GAP)
    apart = width is not None and room - url - len(_GAP) < min(path, _NARROWEST_NAME)
    widest = min(path, max(room if apart or width is None else room - url - len(_GAP), _NARROWEST_NAME))
    for cells in rows:
        name = _cut(cells[1], widest)
        padded = name + " " * (widest - _width(name))
        facts = _GAP.join((cells[0], padded, cells[2].rjust(size), cells[3].ljust(expiry)))
        yield from (facts.rstrip(), _GAP + cells[4]) if apart else (facts + _GAP + cells[4],)


def _cells(entry: HistoryEntry, now: float) -> tuple[str, str, str, str, str]:
    return (
        _moment(entry.at, "%Y-%m-%d %H:%MZ"),
        printable(entry.path),
        _size(entry.size_bytes),
        _expiry(entry, now),
        entry.url,
    )


def _moment(at: float, form: str) -> str:
    return moment_of(at).strftime(form)


def _size(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{max(size / 1e3, 0.1):.1f} KB"


def _expiry(entry: HistoryEntry, now: float) -> str:
    if entry.gone:
        return "gone"
    if entry.expires_at is None:
        return "never" if entry.expiry_known else "unknown"
    left = entry.expires_at - now
    return f"in {time_left(left)}" if left > 0 else "expired"


def time_left(seconds: float) -> str:
    return next(f"{seconds / unit:.0f} {name}" for unit, name in _UNITS if seconds >= 2 * unit or unit == 1)


_UNITS = ((DAY, "days"), (3600, "hours"), (60, "minutes"), (1, "seconds"))


def _width(text: str) -> int:
    """In cells of a terminal: East Asian marks take two, combining ones none."""
    return sum(0 if unicodedata.combining(mark) else 1 + (unicodedata.east_asian_width(mark) in "WF") for mark in text)


def _cut(text: str, width: int) -> str:
    """The end of a path says the most, so the start is cut."""
    if _width(text) <= width:
        return text
    while _width(text) > width - 1:
        text = text[1:]
    return f"…{text}"
