import os
from collections.abc import Callable
from pathlib import Path

import pytest

from img402_mcp.agents.table import AgentConfig


@pytest.fixture
def config(tmp_path: Path) -> Callable[..., AgentConfig]:
    """`config(content, comments=...)`: Cursor's file with that content; None: there is no file."""

    def write(content: str | bytes | None, **more: object) -> AgentConfig:
        file = tmp_path / "mcp.json"
        if content is not None:
            file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return AgentConfig("cursor", file, **({"comments": True} | more))  # type: ignore[arg-type]

    return write


@pytest.fixture
def mask() -> object:
    """The usual mask of new files, whatever the machine has."""
    before = os.umask(0o022)
    yield
    os.umask(before)
