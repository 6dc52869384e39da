"""Load, made by wrk: in C and on one thread, so that it leaves the processors to the servers."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

CONNECTIONS = 8
BOUNDARY = "----benchmark7MA4YWxkTrZu0gW"
SCRIPT = Path(__file__).with_name("load.lua")


@dataclass(frozen=True)
class Load:
    """Answers a second, and milliseconds that half and all but one in a hundred took at most."""

    rate: float
    p50: float
    p99: float


def multipart(image: bytes) -> bytes:
    """The body as curl and browsers send it."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="screenshot.png"\r\n'
    return f"{head}Content-Type: image/png\r\n\r\n".encode() + image + f"\r\n--{BOUNDARY}--\r\n".encode()


def posting(url: str, file: Path, seconds: int, connections: int = CONNECTIONS) -> Load:
    return _run(f"{url}/api/free", seconds, connections, "POST", str(file), BOUNDARY)


def getting(url: str, file: Path, seconds: int, connections: int = CONNECTIONS) -> Load:
    """`file`: paths, one on each line; they are asked for in random order."""
    return _run(url, seconds, connections, "GET", str(file))


def _run(url: str, seconds: int, connections: int, *words: str) -> Load:
    if (wrk := shutil.which("wrk")) is None:
        raise SystemExit("This needs wrk: apt-get install wrk, or brew install wrk.")
    command = [wrk, "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "20s", "-s", str(SCRIPT), url, "--"]
    done = subprocess.run([*command, *words], check=True, capture_output=True, text=True)
    result = json.loads(done.stdout.splitlines()[-1])
    if result["failed"]:
        raise SystemExit(f"{url} failed {result['failed']} times of {result['answered']}.")
    return Load(result["answered"] / result["seconds"], result["p50"], result["p99"])
