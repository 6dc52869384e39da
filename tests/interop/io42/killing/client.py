"""Calls submit_image's uploader in processes that are killed; reads commands from stdin, one JSON object a line.

Everything is imported once; each process is a fork with its own journal, and ends by SIGKILL where the order says so:
at a step, which is `before-` or `after-` a method of the journal or the wallet's `sign`, `in-put`, which is when the
first bytes of the file are on their way, or when its time is up.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from multiprocessing import get_context
from typing import Any

from img402_mcp.client.apis.io42 import SubmissionTarget
from img402_mcp.client.files.roots import Roots
from img402_mcp.client.io42_submit import open_io42_submitter
from img402_mcp.client.payments import wallet
from img402_mcp.client.payments.journal import Journal
from img402_mcp.client.settings.read import client_settings
from img402_mcp.client.upload import open_uploader
from img402_mcp.errors import Img402Error
from img402_mcp.wire import evm

Order = dict[str, Any]


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def die_on_the_way(sent: int, total: int) -> None:
    die()


def arm(step: str) -> None:
    when, _, method = step.partition("-")
    owner: type = wallet.Wallet if method == "sign" else Journal
    setattr(owner, method, dying(getattr(owner, method), when))


def dying(method: Callable[..., Any], when: str) -> Callable[..., Any]:
    def called(*arguments: Any, **named: Any) -> None:
        if when == "after":
            method(*arguments, **named)
        die()

    return called


async def called(order: Order) -> str:
    settings = client_settings(order["environ"])
    progress = die_on_the_way if order["step"] == "in-put" else None
    async with open_uploader(settings, Roots.resolve(settings.allow_dirs)) as uploader:
        with open_io42_submitter(uploader) as submitting:
            try:
                await submitting.submit(SubmissionTarget("logos", order["submission"]), order["path"], progress)
            except Img402Error as error:
                return f"{type(error).__name__}: {error}"
    return "submitted"


def live(order: Order, mouth: Any) -> None:
    if order["step"] not in {"", "in-put"}:
        arm(order["step"])
    mouth.send(asyncio.run(called(order)))


def life(order: Order) -> dict[str, Any]:
    forks = get_context("fork")
    ear, mouth = forks.Pipe(duplex=False)
    process = forks.Process(target=live, args=(order, mouth))
    process.start()
    mouth.close()
    process.join(order["killed_after"])
    process.kill()
    process.join()
    with ear:
        try:
            said = ear.recv()
        except EOFError:
            said = ""
    return {"killed": process.exitcode == -signal.SIGKILL, "said": said}


def main() -> None:
    evm.account()
    answer = partial(print, flush=True)
    answer("ready")
    for line in sys.stdin:
        answer(json.dumps(life(json.loads(line))))


if __name__ == "__main__":
    main()
