"""Finds the paths and patterns outside the allowed folders before any file is sent."""

from collections.abc import Iterable
from pathlib import Path

from img402_mcp.client.files.look_alikes import look_alikes
from img402_mcp.client.files.paths import absolute, before_marks, located_in_roots, refusal
from img402_mcp.client.files.refusal import FileRefused
from img402_mcp.client.files.roots import Roots
from img402_mcp.errors import OutsideRoots, ReadRefused


def outside_roots(patterns: Iterable[str], roots: Roots, base: Path | None = None) -> list[OutsideRoots]:
    """The refusals of those whose folders the user can allow. It blocks, so call it in a thread."""
    found = (_refused(pattern, roots, base) for pattern in dict.fromkeys(patterns))
    return [refused for refused in found if isinstance(refused, OutsideRoots)]


def _refused(pattern: str, roots: Roots, base: Path | None) -> ReadRefused | None:
    try:
        located_in_roots(str(before_marks(Path(absolute(pattern, roots, base)))), roots, base)
    except RuntimeError:  # a user without a home
        return None
    except FileRefused as reason:
        is_outside = reason.outside and not look_alikes(pattern, roots, base)
        return refusal(pattern, reason, roots, base) if is_outside else None
    return None
