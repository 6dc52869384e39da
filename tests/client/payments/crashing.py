"""Buys one token and is killed while doing so, once for each step: `crashing.py KEY STATE_DIR URL STEP...`.

A step is `before-` or `after-` a journal's method, or `while-signing`, inside the journal's transaction. Everything is
imported once; each step then runs in its own fork, with its own journal, and ends by SIGKILL.
"""

import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import anyio

from img402_mcp.client.http import Request, sending
from img402_mcp.client.payments.budget import Policy
from img402_mcp.client.payments.journal import Journal
from img402_mcp.client.payments.payer import Payer, origin_of
from img402_mcp.client.payments.payment import PaymentIntent
from img402_mcp.client.payments.wallet import Wallet
from img402_mcp.wire.x402 import Authorization, Network


class Mortal:
    """A journal that dies at one step."""

    def __init__(self, journal: Journal, step: str) -> None:
        self._journal = journal
        self._when, _, self._method = step.partition("-")

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._journal, name)
        return partial(self._dying, method) if name == self._method else method

    def _dying(self, method: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        if self._when == "after":
            method(*arguments, **named)
        die()


class DyingWallet(Wallet):
    def sign(self, authorization: Authorization, network: Network) -> str:
        super().sign(authorization, network)
        die()
        raise AssertionError


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def buy(payer: Payer, url: str) -> None:
    """As an API's client does: pay, note the token, use it."""
    answer, payment = await payer.paid(Request("POST", url), PaymentIntent(origin_of(url), "/token", "aa" * 32))
    if payment is not None and payment.result is None:
        payer.journal.token_received(payment.nonce, payer.now(), answer.body.decode(), payer.now() + 600)
        payer.journal.used(payment.nonce, payer.now(), "image")


async def buy_and_die(key: str, state_dir: Path, url: str, step: str) -> None:
    journal = Mortal(Journal.open(state_dir), step)
    wallet = (DyingWallet if step == "while-signing" else Wallet).from_key(key)
    async with sending() as send:
        policy = Policy(max_payment=10_000, daily_budget=20_000)
        await buy(Payer(lambda: wallet, journal, policy, send), url)  # type: ignore[arg-type]  # it stands in for one


def main(key: str, state_dir: str, url: str, *steps: str) -> None:
    Wallet.from_key(key)
    for step in steps:
        child = os.fork()
        if not child:
            anyio.run(buy_and_die, key, Path(state_dir, step), f"{url}/{step}/token", step)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), f"{step} was not reached"


if __name__ == "__main__":
    main(*sys.argv[1:])
