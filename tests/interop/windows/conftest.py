"""Windows is built once into the cache of the checkout. Run by `scripts/test --windows`; see docs/environments.md.

Wine shows neither links and junctions, nor a memory limit that a job object holds, nor Ctrl-C in a console, nor what
icacls does. Its access control lists are made of the modes of the files.
"""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from subprocess import DEVNULL

import pytest

from tests.fakes.keys import SELLING
from tests.interop.conftest import CHECKOUT
from tests.interop.windows.build import build, wine
from tests.interop.windows.machine import Agent, Machine

BUILT = CHECKOUT / ".cache" / "windows"
Running = Callable[..., AbstractContextManager[str]]


def pytest_itemcollected(item: pytest.Item) -> None:
    """Each program takes seconds to start there, and the first test may be the one that builds Windows.

    The limit only ends what hangs: a busy machine takes several times as long, and that is not a failure.
    """
    item.add_marker(pytest.mark.windows)
    item.add_marker(pytest.mark.timeout(7200), append=False)


@pytest.fixture(scope="session")
def machine() -> Iterator[Machine]:
    if not BUILT.exists():
        build(BUILT)
    # It boots once and not for each program; its services would hold the pipes of the program that boots it.
    for boot in (["wineserver", "--persistent"], ["wine", "wineboot"]):
        subprocess.run(boot, env=wine(BUILT), check=False, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL)
    yield Machine(BUILT)
    subprocess.run(["wineserver", "--kill"], env=wine(BUILT), check=False)


@pytest.fixture(scope="session")
def host(running: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a host that sells for play money, on Linux."""
    data = tmp_path_factory.mktemp("host")
    with running(["-m", "img402_mcp", "host", "--port", "0", "--data", data], SELLING) as url:
        yield url


@pytest.fixture(scope="session")
def windows(machine: Machine, host: str, sample: Callable[[str], bytes]) -> Machine:
    """With a folder `C:\\shots` that may be read, one that may not, and a state of its own."""
    for name in ("shots", "shots-evil", "secret", "state", "keys"):
        rmtree(machine.drive / name, ignore_errors=True)
    for name in ("shots/sub", "shots/docs", "shots-evil", "secret", "state", "keys"):
        (machine.drive / name).mkdir(parents=True)
    for name in ("shots/a.png", "shots/sub/b.png", "shots/Screenshot with a long name.png", "shots/\u00e4\u2603.png"):
        (machine.drive / name).write_bytes(sample("plain.png"))
    for name in ("shots-evil/a.png", "secret/a.png"):
        (machine.drive / name).write_bytes(sample("palette.png"))
    return replace(
        machine,
        environ={"IMG402_API_URL": host, "IMG402_ALLOW_DIRS": r"C:\shots", "IMG402_STATE_DIR": r"C:\state"},
    )


@pytest.fixture(scope="module")
def agent(windows: Machine, reading: Callable[..., AbstractContextManager[None]]) -> Iterator[Agent]:
    """Of a server that works in `C:\\shots` and remembers nothing, so that each upload is a new one."""
    with windows.server(reading, windows.drive / "shots", env={"IMG402_HISTORY": "off"}) as agent:
        yield agent


@pytest.fixture(scope="session")
def shots(windows: Machine) -> Path:
    return windows.drive / "shots"
