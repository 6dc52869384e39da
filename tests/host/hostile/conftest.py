"""Whole hosts as people start them, and clients that send arbitrary bytes.

They differ in their time limits: `hasty` has short ones, `steady` has ones longer than a busy machine
may delay a test, `roomy` has twice as long ones, and `patient` has the defaults.
"""

import json
import os
import re
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from select import select

import pytest

from tests.fakes.program import Program, started

PUBLIC_URL = "https://images.example"
SMALL = {
    "IMG402_HOST_CONNECTIONS": "40",
    "IMG402_HOST_PUBLIC_URL": PUBLIC_URL,
    "IMG402_HOST_TRUSTED_PROXIES": "127.0.0.1",  # may have all connections
}


def waiting(seconds: int) -> dict[str, str]:
    return {f"IMG402_HOST_{what}_SECONDS": str(seconds) for what in ("HEAD", "BODY", "ANSWER")}


ANSWERED = 30  # seconds, of which a test needs a few milliseconds


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """The refusal's code, or "" where it is not a refusal."""
        try:
            return str(json.loads(self.body).get("error", ""))
        except ValueError:
            return ""


class Client:
    """A bare connection."""

    def __init__(self, address: tuple[str, int], source: str = "127.0.0.1") -> None:
        self.socket, self._read = socket.create_connection(address, timeout=ANSWERED, source_address=(source, 0)), b""

    def send(self, *pieces: bytes) -> None:
        """Sends until an answer comes or the server reads no more."""
        for piece in pieces:
            if select([self.socket], [], [], 0)[0]:
                return
            try:
                self.socket.sendall(piece)
            except (BrokenPipeError, ConnectionResetError):
                return

    def answer(self) -> Answer | None:
        """The next answer; None where the connection ends instead."""
        while (head := self._head()) and head[1].startswith("HTTP/1.1 100"):
            pass
        if head is None:
            return None
        _, status, *lines = head
        headers = dict(line.lower().split(": ", 1) for line in lines)
        body = self._exactly(0 if status[9:12] in {"204", "304"} else int(headers.get("content-length", "0")))
        return Answer(int(status[9:12]), headers, body)

    def ended(self) -> bool:
        """Whether the server closes without sending anything more."""
        return self._more() == b""

    def _head(self) -> list[str] | None:
        while b"\r\n\r\n" not in self._read:
            if not self._more():
                return None
        head, _, self._read = self._read.partition(b"\r\n\r\n")
        return ["", *head.decode().split("\r\n")]

    def _exactly(self, length: int) -> bytes:
        while len(self._read) < length and self._more():
            pass
        body, self._read = self._read[:length], self._read[length:]
        return body

    def _more(self) -> bytes:
        try:
            piece = self.socket.recv(65536)
        except ConnectionResetError:
            piece = b""
        self._read += piece
        return piece


class Host:
    def __init__(self, process: Program, data: Path) -> None:
        self.pid, self.data, self.lines = process.pid, data, list[str]()
        self.url = next(found[0] for line in process.stdout if (found := re.search(r"http://127\S+:\d+", line)))
        self.address = ("127.0.0.1", int(self.url.rpartition(":")[2]))
        self._clients: list[Client] = []

    def client(self, source: str = "127.0.0.1") -> Client:
        self._clients.append(Client(self.address, source))
        return self._clients[-1]

    def leave(self) -> None:
        while self._clients:
            self._clients.pop().socket.close()

    def asked(self, *pieces: bytes) -> Answer | None:
        """The answer to one request on a connection of its own."""
        client = Client(self.address)
        with client.socket:
            client.send(*pieces)
            return client.answer()

    def files(self) -> list[str]:
        return sorted(path.name for path in (self.data / "blobs").rglob("*") if path.is_file())

    def settle(self, files: list[str]) -> None:
        """Waits until exactly these files are left; later requests give the host time to notice closed connections."""
        for _ in range(50):
            if self.files() == sorted(files):
                return
            assert self.asked(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n") is not None
        assert self.files() == sorted(files)

    def highest(self) -> int:
        """The most memory that was resident since `forget`, in bytes."""
        status = Path(f"/proc/{self.pid}/status")
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) * 1024 if status.exists() else 0

    def forget(self) -> None:
        counters = Path(f"/proc/{self.pid}/clear_refs")
        if counters.exists():
            counters.write_text("5")


@pytest.fixture(scope="session")
def hosts(
    tmp_path_factory: pytest.TempPathFactory, reading: Callable[..., AbstractContextManager[None]]
) -> Iterator[Callable[..., Host]]:
    """`hosts(IMG402_HOST_FREE_DAILY="1")`: one more host."""
    with ExitStack() as stack:

        def start(**environ: str) -> Host:
            data = tmp_path_factory.mktemp("hostile")
            environment = {**os.environ, **SMALL, **environ}
            process = stack.enter_context(started("host", "--port", 0, "--data", data, environ=environment))
            host = Host(process, data)
            stack.enter_context(reading(process.stdout, host.lines.extend))
            stack.callback(process.terminate)
            stack.callback(host.leave)
            return host

        yield start


@pytest.fixture(scope="session")
def hasty(hosts: Callable[..., Host]) -> Host:
    return hosts(**waiting(1))


@pytest.fixture(scope="session")
def steady(hosts: Callable[..., Host]) -> Host:
    return hosts(**waiting(4))


@pytest.fixture(scope="session")
def roomy(hosts: Callable[..., Host]) -> Host:
    return hosts(**waiting(8))


@pytest.fixture(scope="session")
def patient(hosts: Callable[..., Host]) -> Host:
    return hosts()


@pytest.fixture
def host(patient: Host, upload_request: Callable[..., bytes]) -> Iterator[Host]:
    """After each test: nothing new lies on its disk, it needed little memory, and the next good request works."""
    yield from unharmed(patient, upload_request("plain.png"))


@pytest.fixture
def hasty_host(hasty: Host, upload_request: Callable[..., bytes]) -> Iterator[Host]:
    """The same for the host with short time limits."""
    yield from unharmed(hasty, upload_request("plain.png"))


def unharmed(host: Host, good: bytes) -> Iterator[Host]:
    before = host.files()
    host.forget()
    idle = host.highest()
    yield host
    host.leave()
    grown = host.highest() - idle
    answer = host.asked(good)
    assert answer is not None
    assert (answer.status, answer.code) == (200, "")
    host.settle([*before, json.loads(answer.body)["url"].rpartition("/")[2]])
    assert grown < 32 * 1_048_576


@pytest.fixture(scope="session")
def upload_request(sample: Callable[[str], bytes]) -> Callable[..., bytes]:
    """`upload_request(image)`: the bytes of a good upload, of an image or of a sample by its name."""

    def build(image: str | bytes) -> bytes:
        part = b'--b\r\nContent-Disposition: form-data; name="image"\r\n\r\n'
        body = part + (sample(image) if isinstance(image, str) else image) + b"\r\n--b--\r\n"
        head = b"POST /api/free HTTP/1.1\r\nHost: h\r\nContent-Type: multipart/form-data; boundary=b\r\n"
        return head + b"Content-Length: %d\r\n\r\n" % len(body) + body

    return build
