from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from img402_mcp.client.http import Send
from img402_mcp.client.settings.model import Settings

Level = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Finding:
    """`fix` is the way out; empty where all is well. Neither text holds a secret."""

    level: Level
    said: str
    fix: str = ""
    is_unset: bool = False
    """Nothing is set or used here, which is fine and seldom of interest."""


@dataclass(frozen=True)
class CheckContext:
    """What all checks are given."""

    environ: Mapping[str, str] = field(repr=False)
    settings: Settings
    """Without what could not be read."""
    broken: frozenset[str]
    """The variables that could not be read."""
    send: Send = field(repr=False)
    home: Path
    here: Path


Findings = list[Finding]
Check = Callable[[CheckContext], Awaitable[Findings]]


def ok(said: str) -> Finding:
    return Finding("ok", said)


def unset(said: str) -> Finding:
    return Finding("ok", said, is_unset=True)


def warn(said: str, fix: str) -> Finding:
    return Finding("warn", said, fix)


def fail(said: str, fix: str = "") -> Finding:
    return Finding("fail", said, fix)
