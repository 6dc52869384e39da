"""Folders that may be read, one that may not, and what is said of a path between them."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest

from img402_mcp.client.files.image import Image, read_image
from img402_mcp.client.files.roots import Roots
from img402_mcp.errors import ReadRefused
from img402_mcp.formats import PNG, Picture

LIMIT = 1_048_576
OUTSIDE = "is not inside an allowed folder."
CHANGED = "changed while it was read; try again."
LINKED = "goes through a link that loops, or that appeared while it was being read."
NO_FOLDER = "goes through something that is not a folder, or that became a link while it was being read."
NO_FILE = "is not a regular file but a device, pipe or socket."


Answer = TypeVar("Answer")


@dataclass(frozen=True)
class World:
    here: Path
    allow: Path
    second: Path
    secret: Path
    roots: Roots
    image: bytes
    secret_image: bytes

    def path(self, template: str) -> str:
        return template.format(here=self.here, allow=self.allow, second=self.second, secret=self.secret)


def made_world(here: Path, sample: Callable[[str], bytes]) -> World:
    image, secret_image = sample("plain.png"), sample("still.gif")
    allow, second, secret = (here / name for name in ("allow", "second", "secret"))
    for folder in (allow / "sub", second, secret / "sub"):
        folder.mkdir(parents=True)
    for folder in (allow, allow / "sub", second):
        (folder / "shot.png").write_bytes(image)
    for folder in (secret, secret / "sub"):
        (folder / "shot.png").write_bytes(secret_image)
    roots = Roots.resolve([allow, second])
    return World(here, allow, second, secret, roots, image, secret_image)


def whole(path: Path, data: bytes) -> Image:
    return Image(path, data, Picture(PNG, 48, 32, len(data)))


def allowed(roots: Roots) -> str:
    names = ", ".join(f'"{root}"' for root in roots.directories)
    return f"Allowed folders: {names}."


def because(clause: str, roots: Roots) -> str:
    """The folders are named only where a folder is the reason."""
    return f"{clause} {allowed(roots)}" if clause == OUTSIDE else clause


def at(folder: Path, call: Callable[..., Answer], *values: object, **options: object) -> Answer:
    """What the call answers in a process that was started there."""
    with chdir(folder):
        return call(*values, **options)


def promptly(ask: Callable[[], Answer]) -> Answer:
    """In a thread that may be left behind, so that what hangs is a failure and not the end of the tests."""
    future: Future[Answer] = Future()

    def run() -> None:
        try:
            future.set_result(ask())
        except BaseException as error:  # noqa: BLE001  it is raised again by result()
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future.result(timeout=10)


def refusal(path: str, roots: Roots, **options: object) -> str:
    with pytest.raises(ReadRefused) as caught:
        read_image(path, roots, **({"limit": LIMIT} | options))  # type: ignore[arg-type]
    return str(caught.value)


def outcome(path: str, roots: Roots) -> bytes | str:
    try:
        return read_image(path, roots, limit=LIMIT).data
    except ReadRefused as refused:
        return str(refused)
