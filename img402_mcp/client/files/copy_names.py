"""The names that a document's copy may have: the same on every system. A tool may not use names that agents obey.

A tool's arguments come from a model, and the model may be following planted text. So a tool writes no hidden file,
nothing in a hidden folder, and no file that a coding agent reads as its instructions. This does not bind a person who
types the command.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path

from img402_mcp.client.files.refusal import FileRefused
from img402_mcp.errors import quoted

INSTRUCTIONS = frozenset(
    {
        "agent.md",  # Amp
        "agents.md",  # Codex, Cursor, Copilot, Jules, opencode, Zed and many more
        "agents.local.md",
        "agents.override.md",  # Codex
        "airules.md",  # Firebase Studio
        "amazonq.md",  # Amazon Q
        "best_practices.md",  # Qodo
        "claude.md",  # Claude Code
        "claude.local.md",
        "codebuddy.md",  # CodeBuddy
        "codex.md",  # Codex, at first
        "context.md",  # Gemini CLI, where its settings name it
        "conventions.md",  # Aider
        "copilot-instructions.md",  # GitHub Copilot
        "crush.md",  # Crush
        "crush.local.md",
        "gemini.md",  # Gemini CLI, Antigravity
        "grok.md",  # Grok CLI
        "hermes.md",  # Hermes
        "iflow.md",  # iFlow CLI
        "instructions.md",  # Codex, at first
        "memory.md",  # Claude Code, OpenClaw
        "opencode.md",  # opencode and Crush
        "opencode.local.md",
        "qwen.md",  # Qwen Code
        "replit.md",  # Replit
        "skill.md",  # agent skills
        "warp.md",  # Warp
        # OpenClaw puts these files of its workspace before every conversation.
        "bootstrap.md",
        "dreams.md",
        "heartbeat.md",
        "identity.md",
        "soul.md",
        "tools.md",
        "user.md",
    }
)
"""Files that public coding agents read as instructions and whose names are not hidden. Compared casefolded."""
INSTRUCTION_ENDINGS = (".agent.md", ".chatmode.md", ".instructions.md", ".prompt.md", ".rules.md")
"""VS Code and GitHub Copilot read these by their ending."""

_PERSON = "A person can write it with `img402-mcp publish --out`."
_DEVICE = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|com[0-9]|lpt[0-9])\Z")
_DEVICE_PATH = re.compile(r"[\\/]{2}[?.][\\/]|[\\/]\?\?[\\/]")
_SHORT_NAME = re.compile(r"[^.]{1,6}~[0-9]+(?:\.[^.]{0,3})?\Z")
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})


def demand_plain_path(text: str) -> None:
    """Paths such as `\\\\?\\C:\\a.md` switch off what Windows checks in a name."""
    if _DEVICE_PATH.match(text):
        raise FileRefused("is a device path of Windows; give a plain path")


def demand_portable(names: Iterable[str]) -> None:
    """Raises FileRefused if a name means something else on Windows, on every system."""
    _demand_none(names, _UNPORTABLE)


def demand_no_instructions(names: Iterable[str]) -> None:
    """Raises FileRefused if a tool may not write there."""
    _demand_none(names, _FOR_PEOPLE, _PERSON)


Rule = tuple[Callable[[str], object], str]


def _demand_none(names: Iterable[str], rules: Iterable[Rule], hint: str = "") -> None:
    for name in names:
        for breaks, clause in rules:
            if breaks(name):
                raise FileRefused(f"{clause}: {quoted(name)}", hint)


def _is_for_agents(name: str) -> bool:
    folded = _folded(name)
    return folded in INSTRUCTIONS or folded.endswith(INSTRUCTION_ENDINGS)


def _is_unprintable(name: str) -> bool:
    return any(unicodedata.category(mark) in _UNPRINTABLE for mark in name)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()


_UNPORTABLE: tuple[Rule, ...] = (
    (lambda name: ":" in name, 'holds a ":", which names a stream of another file on Windows'),
    (lambda name: "\\" in name, 'holds a "\\", which separates folders on Windows; use "/"'),
    (lambda name: name.endswith((".", " ")), "ends in a dot or a space, which Windows drops"),
    (lambda name: _DEVICE.match(_folded(name).partition(".")[0].rstrip(" ")), "is the name of a Windows device"),
)
_FOR_PEOPLE: tuple[Rule, ...] = (
    (lambda name: _folded(name).startswith("."), "holds a hidden name, which no tool writes"),
    (_is_unprintable, "holds a character that cannot be printed, which no tool writes"),
    (_SHORT_NAME.match, "may be the short name of another file on Windows, which no tool writes"),
    (_is_for_agents, "has the name of a file that agents take instructions from, which no tool writes"),
)


def below(place: Path, roots: Iterable[Path]) -> tuple[str, ...]:
    """The names on the way from the nearest root to a place."""
    return min((place.relative_to(root).parts for root in roots if place.is_relative_to(root)), key=len, default=())
