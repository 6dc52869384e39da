import gc
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import TextIO

import pytest
from anyio import create_task_group, create_tcp_listener
from hypothesis import HealthCheck, settings

from tests.fakes.peer import Peer
from tests.fakes.pictures import png

SAMPLES = Path(__file__).parent / "samples"
DESCRIPTORS = Path("/proc/self/fd")
RECURSION_LIMIT = sys.getrecursionlimit()

REPEATABLE = settings(
    max_examples=300,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],  # they depend on the machine's load
)
settings.register_profile("repeatable", REPEATABLE)
settings.register_profile("search", REPEATABLE, max_examples=30_000, derandomize=False, print_blob=True)
settings.load_profile("repeatable")  # --hypothesis-profile=search is loaded after it


gc.disable()  # until everything is imported and collected: nearly all of that stays


def pytest_collection_finish() -> None:
    """Tests that import eth_account themselves raise the recursion limit for all the others; the product never does.

    What was collected is there to the end, so the garbage collector need not look at it again and again.
    """
    sys.setrecursionlimit(RECURSION_LIMIT)
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items if os.name == "nt" else ():
        if needed := item.get_closest_marker("posix"):
            item.add_marker(pytest.mark.skip(**needed.kwargs))


def databases() -> set[str]:
    """The SQLite files that this process has open, where the system tells."""
    found = set()
    for descriptor in os.listdir(DESCRIPTORS) if DESCRIPTORS.exists() else []:  # noqa: PTH208  # often: Paths are slow
        with suppress(OSError):  # closed by now
            found.add(os.readlink(f"{DESCRIPTORS}/{descriptor}"))  # noqa: PTH115  # the same
    return {path for path in found if re.search(r"\.(sqlite|db)\b", path)}


@pytest.fixture(autouse=True)
def open_databases() -> Iterator[Callable[[], set[str]]]:
    """`open_databases()`: the paths of those that the test has open. None may stay open after it."""
    before = databases()
    yield lambda: databases() - before
    assert databases() - before == set()


@contextmanager
def _reading(stream: TextIO, take: Callable[[TextIO], object]) -> Iterator[None]:
    reader = Thread(target=take, args=(stream,), daemon=True)
    reader.start()
    try:
        yield
    finally:
        reader.join(60)
        assert not reader.is_alive(), "The program has not ended, or one that it started has not."


@pytest.fixture(scope="session")
def reading() -> Callable[[TextIO, Callable[[TextIO], object]], AbstractContextManager[None]]:
    """`with reading(process.stderr, take):` `take` reads the program's output to its end, in a thread.

    An unread pipe fills up and stops the program. Leave the block when the program has ended and before the pipe is
    closed: reading a closed pipe raises.
    """
    return _reading


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def sample() -> Callable[[str], bytes]:
    """The bytes of a small real image: `sample("plain.png")`. All are 48x32 pixels."""
    return lambda name: (SAMPLES / name).read_bytes()


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """An empty folder for images."""
    folder = tmp_path.resolve() / "pictures"
    folder.mkdir()
    return folder


@pytest.fixture
def picture(pictures: Path, sample: Callable[[str], bytes]) -> Path:
    """`a.png` in that folder, a small real image."""
    (pictures / "a.png").write_bytes(sample("plain.png"))
    return pictures / "a.png"


@pytest.fixture(scope="session")
def picture_of() -> Callable[..., bytes]:
    """`picture_of(width, height, padding=0)`: the bytes of a PNG."""
    return png


@pytest.fixture
async def peers() -> AsyncIterator[Callable[..., Awaitable[Peer]]]:
    """`await peers(answer, ...)`: a Peer; None as an answer closes the connection."""
    async with create_task_group() as tasks:

        async def start(*answers: bytes | None) -> Peer:
            peer = Peer(await create_tcp_listener(local_host="127.0.0.1"), answers)
            tasks.start_soon(peer.serve)
            return peer

        yield start
        tasks.cancel_scope.cancel()


@pytest.fixture
def answering() -> Callable[..., bytes]:
    """`answering(body, status=200, **headers)`: the bytes of an HTTP answer."""

    def answer(body: bytes | dict[str, object], status: int = 200, **headers: str) -> bytes:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(content)}", "Connection: close"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + content

    return answer
