"""The host while a stranger sends images made to be slow: how soon it answers, and what others' uploads keep."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection, HTTPException
from statistics import quantiles
from urllib.parse import urlsplit

from benchmarks.loading import BOUNDARY, multipart
from benchmarks.measuring import picture, show, verdict
from benchmarks.servers import Server, empty_folder, host

SECONDS, CONNECTIONS, RATE = 15, 40, 4_000_000
"""Of the attack: how many connections, and bytes a second over all of them."""
UPLOADERS, SIZE = 4, 100_000
LONGEST_MS, KEPT = 250, 0.5
STRANGER, OTHERS = "127.0.0.2", "127.0.0.1"
STEP = 50_000

SLOW = {
    "261,000 JPEG segments of four bytes": b"\xff\xd8" + b"\xff\xe0\x00\x02" * 261_000,
    "a GIF of two-bit codes": b"GIF89a\x20\x4e\x20\x4e\x80\0\0" + bytes(6) + b",\0\0\0\0\x20\x4e\x20\x4e\0\1"
    + (b"\xff" + bytes(255)) * 3900 + b"\0",
}  # fmt: skip


class Clock:
    """When everything ends, and turns that keep the attack at its rate."""

    def __init__(self, seconds: float) -> None:
        self.end, self._next, self._turn = time.monotonic() + seconds, time.monotonic(), threading.Lock()

    @property
    def runs(self) -> bool:
        return time.monotonic() < self.end

    def wait(self, size: int) -> None:
        with self._turn:
            self._next = max(self._next, time.monotonic()) + size / RATE
            moment = self._next
        time.sleep(max(0.0, min(moment, self.end) - time.monotonic()))


def connection(server: Server, source: str) -> HTTPConnection:
    url = urlsplit(server.url)
    return HTTPConnection(url.hostname or "", url.port, timeout=30, source_address=(source, 0))


def attack(server: Server, body: bytes, clock: Clock) -> None:
    head = f"POST /api/free HTTP/1.1\r\nHost: h\r\nContent-Length: {len(body)}\r\n".encode()
    head += f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n".encode()
    url = urlsplit(server.url)
    while clock.runs:
        try:
            with socket.create_connection((url.hostname, url.port or 80), 30, (STRANGER, 0)) as stranger:
                stranger.sendall(head)
                for start in range(0, len(body), STEP):
                    clock.wait(STEP)
                    stranger.sendall(body[start : start + STEP])
                stranger.recv(65_536)
        except OSError:
            clock.wait(STEP)


def upload(server: Server, body: bytes, clock: Clock, done: list[int]) -> None:
    client = connection(server, OTHERS)
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    while clock.runs:
        try:
            client.request("POST", "/api/free", body, headers)
            answer = client.getresponse()
            answer.read()
            done.append(answer.status)
        except (OSError, HTTPException):
            client.close()


def ask(server: Server, clock: Clock, taken: list[float]) -> None:
    client = connection(server, OTHERS)
    while clock.runs:
        start = time.monotonic()
        try:
            client.request("GET", "/healthz")
            client.getresponse().read()
        except (OSError, HTTPException):
            client.close()
        taken.append((time.monotonic() - start) * 1000)
        time.sleep(0.02)


@contextmanager
def threads(*works: tuple[object, ...]) -> Iterator[None]:
    running = [threading.Thread(target=work, args=arguments) for work, *arguments in works]  # type: ignore[arg-type]
    for thread in running:
        thread.start()
    yield
    for thread in running:
        thread.join()


def measured(server: Server, slow: bytes | None) -> tuple[float, float]:
    """p99 of /healthz in milliseconds, and others' uploads a second."""
    clock, taken, done = Clock(SECONDS), list[float](), list[int]()
    good = multipart(picture(SIZE))
    works: list[tuple[object, ...]] = [(ask, server, clock, taken)]
    works += [(upload, server, good, clock, done)] * UPLOADERS
    works += [(attack, server, multipart(slow), clock)] * CONNECTIONS if slow else []
    with threads(*works):
        pass
    return quantiles(taken, n=100)[98], sum(status == 200 for status in done) / SECONDS


def main() -> None:
    rows = []
    with empty_folder() as folder, ExitStack() as stack:
        server = stack.enter_context(host(folder / "data"))
        measured(server, None)
        p99, unloaded = measured(server, None)
        rows.append(("nobody", f"{p99:.0f}", f"{unloaded:.0f}", "", "", ""))
        for name, slow in SLOW.items():
            p99, rate = measured(server, slow)
            judged = f"{verdict(p99, LONGEST_MS)}, {verdict(-rate / unloaded, -KEPT)}"
            goal = f"p99 < {LONGEST_MS}, kept >= {KEPT}"
            rows.append((name, f"{p99:.0f}", f"{rate:.0f}", f"{rate / unloaded:.2f}", goal, judged))
    columns = ("attacked with", "/healthz p99 ms", "others' uploads/s", "kept", "goal", "")
    show(f"{CONNECTIONS} connections of 1 MB bodies at {RATE // 1_000_000} MB/s, {SECONDS} s", columns, rows)


if __name__ == "__main__":
    main()
