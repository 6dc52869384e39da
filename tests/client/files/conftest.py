import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from img402_mcp.client.files.safe_open import Opening, open_by_rechecking, open_by_walking
from tests.client.files.world import World, made_world
from tests.fakes.posix import WALKING


@pytest.fixture
def world(tmp_path: Path, sample: Callable[[str], bytes]) -> World:
    return made_world(tmp_path, sample)


@pytest.fixture
def links(world: World) -> None:
    """Links are named for what they lead to."""
    targets = {
        "to-file": world.allow / "shot.png",
        "to-folder": world.allow / "sub",
        "to-second": world.second,
        "to-link": Path("to-file"),
        "to-up-and-back": Path("sub") / ".." / "shot.png",
        "to-loop": Path("to-loop"),
        "to-loop-a": Path("to-loop-b"),
        "to-loop-b": Path("to-loop-a"),
        "to-nothing": Path("nothing"),
        "to-secret-file": world.secret / "shot.png",
        "to-secret-folder": world.secret,
        "to-secret-none": world.secret / "none.png",
        "to-secret-link": world.secret / "loop",
        "to-root": Path("/"),
    }
    if os.name == "nt":  # what asks for them is marked
        return
    for name, target in targets.items():
        (world.allow / name).symlink_to(target)
    (world.secret / "loop").symlink_to("loop")
    (world.secret / "to-allow").symlink_to(world.allow)


@pytest.fixture
def no_files(world: World) -> Iterator[None]:
    """What has a name and is not a file."""
    if os.name == "nt":  # what asks for them is marked
        yield
        return
    os.mkfifo(world.allow / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        # A socket's address is short, so it is given from within the folder.
        before = Path.cwd()
        os.chdir(world.allow)
        listener.bind("socket")
        os.chdir(before)
        yield


@pytest.fixture(
    params=[
        pytest.param(open_by_walking, marks=WALKING, id="walking"),
        pytest.param(open_by_rechecking, id="rechecking"),
    ]
)
def opening(request: pytest.FixtureRequest) -> Opening:
    """Both ways to open, the second one as Windows does it."""
    way: Opening = request.param
    return way
