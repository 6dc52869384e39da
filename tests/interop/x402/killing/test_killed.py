"""Whatever is killed, lost or run twice at once: called again until it succeeds, it is charged once and delivered.

All of it on the chain: real balances, the facilitator of someone else. KILL_ROUNDS and KILL_SEED make it longer or
another one; kill.py does so and is the way to run hundreds.
"""

import os
import struct
import zlib
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from itertools import cycle, islice
from pathlib import Path
from random import Random
from threading import Timer
from typing import Any

import httpx2
import pytest
from eth_account.signers.local import LocalAccount

from img402_mcp.client.payments.journal import Journal

PRICE = 10_000
FUNDS = 10**9
TOKEN, IMAGE = "/api/upload/token", "/api/upload"
TRIES = 6
# Seconds: what a paid upload takes; what it takes behind the start of a server, or where the network hangs.
A_MOMENT, A_LONG_MOMENT = (0.0, 0.35), (0.6, 2.0)
SEED = os.environ.get("KILL_SEED", "402")


@dataclass(frozen=True)
class Scenario:
    """What goes wrong while the first calls are under way."""

    what: str
    detail: str = ""
    flow: str = "token"
    step: str = ""
    """Where the client's process dies."""
    processes: int = 1
    killed: int = 0
    """How many of the processes are killed at a random moment."""
    calls: int = 1
    lives: int = 1
    loses: tuple[str, ...] = ()
    holds: bool = False
    timeout: float = 30
    gives_up: float | None = None
    host_dies_at: str = ""
    host_is_killed: bool = False
    """At a random moment."""
    over_mcp: bool = False
    deaths: int = 0
    """How many there must have been at least: a point that is never reached proves nothing."""

    @property
    def name(self) -> str:
        return "-".join(filter(None, (self.what, self.detail, self.flow))).replace(" ", "-")


def client_dies(step: str, flow: str, **more: Any) -> Scenario:
    return Scenario("client killed at a step", step, flow, step=step, deaths=1, **more)


def host_dies(point: str, flow: str) -> Scenario:
    return Scenario("host killed at a step", point, flow, host_dies_at=point, deaths=1)


STEPS = ("claim", "sent", "answered", "used")
WHILE_SIGNING = ("before-sign", "after-sign", "after-_insert")
SCENARIOS = [
    *(
        client_dies(f"{when}-{step}", flow)
        for flow in ("token", "inline")
        for step in STEPS
        for when in ("before", "after")
    ),
    *(client_dies(f"{when}-token_received", "token") for when in ("before", "after")),
    *(client_dies(step, "token") for step in WHILE_SIGNING),
    *(client_dies(f"{when}-ambiguous", "token", loses=(TOKEN,)) for when in ("before", "after")),
    replace(client_dies("after-sent", "token", over_mcp=True), what="MCP server killed"),
    Scenario("MCP server killed", "some time", "inline", killed=1, over_mcp=True),
    Scenario("client killed some time", flow="token", killed=1),
    Scenario("client killed some time", flow="inline", killed=1),
    Scenario("answer lost", "token", "token", loses=(TOKEN,)),
    Scenario("answer lost", "image", "token", loses=(IMAGE,)),
    Scenario("answer lost", "both", "token", loses=(TOKEN, IMAGE)),
    Scenario("answer lost", "image", "inline", loses=(IMAGE,)),
    Scenario("network hangs", "timeout", "token", loses=(TOKEN,), holds=True, timeout=1),
    Scenario("network hangs", "caller gives up", "token", loses=(IMAGE,), holds=True, gives_up=1),
    Scenario("network hangs", "client killed", "inline", loses=(IMAGE,), holds=True, killed=1, deaths=1),
    host_dies("before-settle", "token"),
    host_dies("after-settle", "token"),
    host_dies("after-settled", "inline"),
    host_dies("after-token", "token"),
    host_dies("after-sync_names", "token"),
    host_dies("after-add", "inline"),
    host_dies("before-answer", "token"),
    host_dies("before-answer", "inline"),
    Scenario("host killed some time", flow="token", host_is_killed=True, deaths=1),
    Scenario("host killed some time", flow="inline", host_is_killed=True, deaths=1),
    Scenario("two processes race", flow="token", processes=2),
    Scenario("two processes race", "one killed", "inline", processes=2, killed=1),
    Scenario("five calls at once", flow="token", calls=5),
    Scenario("five calls at once", flow="inline", calls=5),
    Scenario("everything at once", flow="token", processes=2, killed=2, calls=2, lives=3, loses=(TOKEN, IMAGE)),
    Scenario("everything at once", flow="inline", killed=1, lives=3, loses=(IMAGE,), host_is_killed=True, deaths=1),
]
# In a longer run what chance decides comes more often than what is the same each time.
BY_CHANCE = [scenario for scenario in SCENARIOS if scenario.killed or scenario.host_is_killed]
LONG_RUN = cycle([*SCENARIOS, *BY_CHANCE * 3])
ROUNDS = int(os.environ.get("KILL_ROUNDS") or len(SCENARIOS))


@dataclass(frozen=True)
class Outcome:
    charges: int
    taken: int
    received: int
    signed: int
    urls: int
    served: bool


PAID_ONCE = Outcome(charges=1, taken=PRICE, received=PRICE, signed=PRICE, urls=1, served=True)


@pytest.fixture(scope="session")
def payer(chain) -> LocalAccount:
    return chain.payer(FUNDS)


@pytest.fixture(params=list(enumerate(islice(LONG_RUN, ROUNDS))), ids=lambda each: f"{each[0]}-{each[1].name}")
def scenario(request) -> Scenario:
    return request.param[1]


@pytest.fixture
def chance(request) -> Random:
    return Random(f"{SEED} {request.node.name}")


@pytest.fixture
def picture(tmp_path, chance) -> Path:
    """A PNG of 400 kB of noise, unlike any other."""
    lines = b"".join(b"\0" + chance.randbytes(1000) for _ in range(400))
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", 1000, 400, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(lines, 0)),
        (b"IEND", b""),
    )
    path = tmp_path.resolve() / "picture.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(kind, body) for kind, body in chunks))
    return path


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


@pytest.fixture
def books(chain, payer, payee) -> Callable[[], dict[str, int]]:
    """What the chain says."""
    return lambda: {
        "charges": chain.charges(payer.address),
        "taken": FUNDS - chain.balance(payer.address),
        "received": chain.balance(payee),
    }


@pytest.fixture
def environ(chain, payer, picture) -> dict[str, str]:
    return {
        "IMG402_ALLOW_DIRS": str(picture.parent),
        "IMG402_STATE_DIR": str(picture.parent / "state"),
        "IMG402_WALLET_KEY": f"0x{bytes(payer.key).hex()}",
        "IMG402_RPC_URL": chain.rpc_url,
    }


class Round:
    """One intent, called through `act`, which carries out an order and gives back the lives of its processes."""

    def __init__(self, scenario: Scenario, chance: Random, picture: Path, environ: dict[str, str], act: Any) -> None:
        self.scenario, self._chance, self._path, self._environ, self._act = scenario, chance, picture, environ, act
        self.kills, self.calls = 0, 0
        self.said: list[str] = []

    @property
    def urls(self) -> list[str]:
        return [words for words in self.said if words.startswith("http")]

    def goes_wrong(self) -> None:
        ill = self.scenario
        for _ in range(ill.lives):
            moments = A_LONG_MOMENT if ill.over_mcp or ill.holds else A_MOMENT
            doomed = [self._chance.uniform(*moments) for _ in range(ill.killed)]
            self._order(
                step=ill.step,
                killed_after=[*doomed, *[None] * (ill.processes - ill.killed)],
                calls=ill.calls,
                timeout=ill.timeout,
                gives_up=ill.gives_up,
            )

    def is_called_until_done(self, host_is_up: Callable[[], None]) -> None:
        """And once more. A call while the host is still starting would only learn that nobody is there."""
        while not self.urls and self.calls < self.scenario.lives + TRIES:
            host_is_up()
            self._order()
        self._order()

    def _order(self, **more: Any) -> None:
        calm = {"step": "", "killed_after": [None], "calls": 1, "timeout": 30, "gives_up": None}
        lives = self._act({"environ": self._environ, "path": str(self._path)} | calm | more)
        self.calls += 1
        self.kills += sum(life["killed"] for life in lives)
        self.said += [words for life in lives for words in life["said"]]


def test_it_is_charged_once_and_delivered(
    scenario, chance, picture, environ, books, host, way, clients, servers, tally
) -> None:
    host.lives()
    before, deaths = books(), host.deaths
    way.losing, way.holding = [*scenario.loses], scenario.holds
    with ExitStack() as stack:
        environ["IMG402_API_URL"] = stack.enter_context(way.running()) if scenario.loses else host.url
        environ["IMG402_PAID_FLOW"] = scenario.flow
        act = Round(scenario, chance, picture, environ, servers if scenario.over_mcp else clients)
        if scenario.host_dies_at:
            host.dies_at(scenario.host_dies_at)
        if scenario.host_is_killed:
            strike = Timer(chance.uniform(*A_MOMENT), host.kill)
            strike.start()
            stack.callback(strike.join)
        act.goes_wrong()
        act.is_called_until_done(host.wait)
    host.lives()
    moved = {name: count - before[name] for name, count in books().items()}
    outcome = Outcome(**moved, signed=signed(environ), urls=len({*act.urls}), served=served(act.urls, picture))
    kills = act.kills + host.deaths - deaths
    tally(scenario.what, counted(outcome, kills, way.lost, act.calls))
    assert outcome == PAID_ONCE, "\n".join([*act.said, *host.said[-30:]])
    assert kills >= scenario.deaths
    assert way.lost == len(scenario.loses) or scenario.killed


def signed(environ: dict[str, str]) -> int:
    with closing(Journal.open(Path(environ["IMG402_STATE_DIR"]))) as journal:
        return journal.spent()


def served(urls: list[str], picture: Path) -> bool:
    return bool(urls) and all(httpx2.get(url).content == picture.read_bytes() for url in {*urls})


def counted(outcome: Outcome, kills: int, lost: int, calls: int) -> dict[str, int]:
    return {
        "rounds": 1,
        "kills": kills,
        "answers lost": lost,
        "calls": calls,
        "charges": outcome.charges,
        "images delivered": outcome.served,
        "charged twice": outcome.charges > 1,
        "paid and not delivered": outcome.charges > 0 and not outcome.served,
    }
