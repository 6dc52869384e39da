from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from img402_mcp.client.http import Request, Response
from img402_mcp.client.payments.budget import Policy
from img402_mcp.client.payments.journal import Journal
from img402_mcp.client.payments.payer import Payer
from img402_mcp.client.payments.payment import PaymentIntent
from img402_mcp.client.payments.wallet import Wallet
from tests.fakes.chain import NODE, Chain
from tests.fakes.clock import Clock
from tests.fakes.folders import in_memory
from tests.fakes.keys import KEY
from tests.fakes.paywall import ORIGIN, ROUTE, Paywall


@pytest.fixture(scope="session")
def wallet() -> Wallet:
    return Wallet.from_key(KEY)


@pytest.fixture
def state_dir() -> Iterator[Path]:
    with in_memory() as folder:
        yield folder


@pytest.fixture
def journal(state_dir: Path) -> Iterator[Journal]:
    opened = Journal.open(state_dir)
    yield opened
    opened.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def paywall() -> Paywall:
    return Paywall()


@pytest.fixture
def chain(paywall: Paywall, clock: Clock) -> Chain:
    return Chain(paywall, clock)


@pytest.fixture
def payer(paywall: Paywall, chain: Chain, wallet: Wallet, journal: Journal, clock: Clock) -> Callable[..., Payer]:
    """`payer(rpc=True, **changes)`: 0.01 a payment and 1.00 a day, on Base, with a node only on request."""

    async def send(request: Request) -> Response:
        return chain.answer(request) if request.url == NODE else await paywall(request)

    made = Payer(
        wallet=lambda: wallet,
        journal=journal,
        policy=Policy(max_payment=10_000, daily_budget=1_000_000),
        send=send,
        pause=clock.pause,
        now=clock.now,
    )
    return lambda rpc=False, **changes: replace(made, rpc_url=NODE if rpc else None, **changes)


@pytest.fixture
def intent() -> PaymentIntent:
    return PaymentIntent(ORIGIN, ROUTE)


@pytest.fixture
def request_of_token() -> Request:
    return Request("POST", ORIGIN + ROUTE)
