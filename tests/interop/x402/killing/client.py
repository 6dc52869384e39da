"""Calls upload_paid in processes that are killed: takes orders on stdin, a line of JSON each, and tells what they said.

Everything is imported once; each process is a fork with its own journal, and ends by SIGKILL where the order says so:
at a step, which is `before-` or `after-` a method of the journal or the wallet's `sign`, or when its time is up.
`client.py serve STEP` is the MCP server over stdio instead, which dies at that step.
"""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

import anyio

from img402_mcp import __main__ as program
from img402_mcp.client.files.roots import Roots
from img402_mcp.client.paid_upload import PaidUploader, open_paid_uploader
from img402_mcp.client.payments.journal import Journal
from img402_mcp.client.payments.wallet import Wallet
from img402_mcp.client.settings.read import client_settings
from img402_mcp.client.upload import open_uploader
from img402_mcp.errors import Img402Error
from img402_mcp.wire import evm

# Longer than any call may take.
UNBEARABLE = 120
# Seconds, and more than enough.
FORKING = 0.03
Order = dict[str, Any]


def arm(step: str) -> None:
    when, _, method = step.partition("-")
    owner: type = Wallet if method == "sign" else Journal
    setattr(owner, method, dying(getattr(owner, method), when))


def dying(method: Callable[..., Any], when: str) -> Callable[..., Any]:
    def die(*arguments: Any, **named: Any) -> None:
        if when == "after":
            method(*arguments, **named)
        os.kill(os.getpid(), signal.SIGKILL)

    return die


async def calls(order: Order) -> list[str]:
    """What each of the calls said: a URL or an error."""
    settings = client_settings(order["environ"])
    said: list[str] = []
    async with open_uploader(settings, Roots.resolve(settings.allow_dirs)) as uploader:
        with open_paid_uploader(uploader) as opened:
            paid = replace(opened, payer=replace(opened.payer, timeout=order["timeout"]))
            async with anyio.create_task_group() as together:
                for _ in range(order["calls"]):
                    together.start_soon(call, paid, order, said)
    return said


async def call(paid: PaidUploader, order: Order, said: list[str]) -> None:
    with anyio.move_on_after(order["gives_up"] or UNBEARABLE) as waiting:
        try:
            said.append((await paid.upload(order["path"])).receipt.url)
        except Img402Error as error:
            said.append(f"{type(error).__name__}: {error}")
    if waiting.cancelled_caught:
        said.append("the caller gave up")


def live(order: Order, start: float, mouth: Connection) -> None:
    if order["step"]:
        arm(order["step"])
    time.sleep(max(0.0, start - time.monotonic()))
    mouth.send(asyncio.run(calls(order)))


def begin(order: Order, start: float) -> tuple[Any, Connection]:
    forks = get_context("fork")
    ear, mouth = forks.Pipe(duplex=False)
    process = forks.Process(target=live, args=(order, start, mouth))
    process.start()
    mouth.close()
    return process, ear


def lives(order: Order) -> list[dict[str, Any]]:
    """One process for each of `killed_after`; they wait for each other, since a fork takes longer than a race."""
    start = time.monotonic() + FORKING * len(order["killed_after"])
    begun = [(*begin(order, start), after) for after in order["killed_after"]]
    return [end(process, ear, after and max(0.0, start + after - time.monotonic())) for process, ear, after in begun]


def end(process: Any, ear: Connection, after: float | None) -> dict[str, Any]:
    process.join(after)
    process.kill()
    process.join()
    with ear:
        try:
            said = ear.recv()
        except EOFError:
            said = []
    return {"killed": process.exitcode == -signal.SIGKILL, "said": said}


def main() -> None:
    evm.account()
    answer = partial(print, flush=True)
    answer("ready")
    for line in sys.stdin:
        answer(json.dumps(lives(json.loads(line))))


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        arm(sys.argv[2])
        sys.argv[1:] = []
        program.main()
    else:
        main()
