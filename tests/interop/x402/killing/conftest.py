"""A shop on the chain whose host rises again whenever it dies, a way to it that loses answers, and clients that die."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread, Timer
from typing import Any

import pytest
from eth_account import Account

from tests.interop.processes import free_port

HERE = Path(__file__).parent
STARTING = 60  # seconds
Life = dict[str, Any]


class Kept:
    """Our host, started again on the same data and port by anyone who looks after it."""

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        self.folder, self._env = folder, env
        self.url = f"http://127.0.0.1:{free_port()}"
        self.deaths, self.said = 0, list[str]()
        self._up, self._over = Event(), False
        self._keeper = Thread(target=self._keep)

    @contextmanager
    def running(self) -> Iterator["Kept"]:
        self._keeper.start()
        try:
            self.wait()
            yield self
        finally:
            self._over = True
            self._process.kill()
            self._keeper.join()

    def wait(self) -> None:
        assert self._up.wait(STARTING), "".join(self.said[-40:])

    def dies_at(self, point: str) -> None:
        """In its own time, once."""
        (self.folder / "dies-at").write_text(point)

    def lives(self) -> None:
        """No death is ahead of it, and it is up."""
        (self.folder / "dies-at").unlink(missing_ok=True)
        self.wait()

    def kill(self) -> None:
        self._up.clear()
        self._process.kill()

    def _keep(self) -> None:
        command = [sys.executable, str(HERE / "host.py"), str(self.folder), self.url.rpartition(":")[2]]
        while not self._over:
            with subprocess.Popen(command, env=os.environ | self._env, stderr=subprocess.PIPE, text=True) as process:
                self._process = process
                for line in process.stderr or ():
                    self.said.append(line)
                    if line.strip() == self.url:
                        self._up.set()
                self._up.clear()
            self.deaths += 1


class Way:
    """The way to the host. It loses the answers it is told to lose, once the host has granted them."""

    def __init__(self, host: str) -> None:
        self.host = host.removeprefix("http://")
        self.losing: list[str] = []
        self.holding = False
        """A lost answer is held back first, as by a network that hangs."""
        self.lost = 0
        self.released = Event()

    @contextmanager
    def running(self) -> Iterator[str]:
        """Its URL."""
        with ThreadingHTTPServer(("127.0.0.1", 0), self._handler()) as server:
            server.daemon_threads, server.block_on_close = True, False
            thread = Thread(target=server.serve_forever, args=(0.02,))
            thread.start()
            try:
                yield f"http://127.0.0.1:{server.server_port}"
            finally:
                self.released.set()
                server.shutdown()
                thread.join()

    def hides(self, path: str, status: int) -> bool:
        if status != 200 or path not in self.losing:
            return False
        self.losing.remove(path)
        self.lost += 1
        if self.holding:
            self.released.wait(STARTING)
        return True

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        way = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                with suppress(OSError, HTTPException), closing(HTTPConnection(way.host)) as onward:
                    body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                    onward.request(self.command, self.path, body, dict(self.headers))
                    answer = onward.getresponse()
                    content = answer.read()
                    if not way.hides(self.path, answer.status):
                        self._pass_on(answer, content)
                        return
                self.close_connection = True

            do_GET = do_POST  # noqa: N815  # as http.server wants it

            def _pass_on(self, answer: HTTPResponse, content: bytes) -> None:
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None: ...

        return Handler


@pytest.fixture(scope="session")
def payee() -> str:
    return str(Account.create().address)


@pytest.fixture(scope="session")
def host(chain: Any, facilitating: Any, payee: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    with facilitating(chain, "facilitator.py") as facilitator:
        env = {
            "IMG402_HOST_PAY_TO": payee,
            "IMG402_HOST_NETWORK": chain.network.name,
            "IMG402_HOST_FACILITATOR": "remote",
            "IMG402_HOST_FACILITATOR_URL": facilitator,
            "IMG402_HOST_RPC_URL": chain.rpc_url,
        }
        with Kept(tmp_path_factory.mktemp("kept"), env).running() as kept:
            yield kept


@pytest.fixture
def way(host: Kept) -> Way:
    return Way(host.url)


@pytest.fixture(scope="session")
def clients() -> Iterator[Callable[[dict[str, Any]], list[Life]]]:
    """`clients(order)`: the lives of the processes that were told to call upload_paid."""
    command = [sys.executable, str(HERE / "client.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout.readline() == "ready\n"

        def act(order: dict[str, Any]) -> list[Life]:
            program.stdin.write(json.dumps(order) + "\n")
            program.stdin.flush()
            lives: list[Life] = json.loads(program.stdout.readline())
            return lives

        yield act


def message(method: str, **more: object) -> str:
    return json.dumps({"jsonrpc": "2.0", "method": method} | more) + "\n"


def handshake(path: str) -> str:
    client = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "kill", "version": "1"}}
    call = {"name": "upload_paid", "arguments": {"path": path}}
    return "".join(
        (
            message("initialize", id=1, params=client),
            message("notifications/initialized"),
            message("tools/call", id=2, params=call),
        )
    )


@pytest.fixture(scope="session")
def servers() -> Callable[[dict[str, Any]], list[Life]]:
    """The same order, carried out by the MCP server over stdio."""

    def act(order: dict[str, Any]) -> list[Life]:
        words = [str(HERE / "client.py"), "serve", order["step"]] if order["step"] else ["-m", "img402_mcp"]
        (after,) = order["killed_after"]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        with subprocess.Popen([sys.executable, *words], env=os.environ | order["environ"], **pipes) as server:
            doom = Timer(after or 2 * STARTING, server.kill)
            doom.start()
            with suppress(BrokenPipeError):
                server.stdin.write(handshake(order["path"]))
                server.stdin.flush()
            answers = (json.loads(line) for line in server.stdout)
            said = next((answer["result"] for answer in answers if answer.get("id") == 2), None)
            doom.cancel()
            server.kill()
        return [{"killed": said is None, "said": [] if said is None else [spoken(said)]}]

    return act


def spoken(result: dict[str, Any]) -> str:
    return str((result.get("structuredContent") or {}).get("url") or result["content"][0]["text"])


TALLY = pytest.StashKey[dict[str, dict[str, int]]]()


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Callable[[str, dict[str, int]], None]:
    """`tally(scenario, counts)`: adds to the table that is printed at the end."""
    table = request.config.stash.setdefault(TALLY, {})

    def add(scenario: str, counts: dict[str, int]) -> None:
        row = table.setdefault(scenario, dict.fromkeys(counts, 0))
        for name, count in counts.items():
            row[name] += count

    return add


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if not (table := config.stash.get(TALLY, {})):
        return
    names = list(next(iter(table.values())))
    terminalreporter.section("killed and called again")
    table["in all"] = {name: sum(row[name] for row in table.values()) for name in names}
    for line in markdown(["what happens", *names], [[what, *map(str, row.values())] for what, row in table.items()]):
        terminalreporter.line(line)


def markdown(head: list[str], rows: list[list[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] + ["--:"] * (len(head) - 1), *rows)]
