"""What paying adds to an upload, split by part: loopback, a host of our own with play money, everything warm."""

import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import anyio

from benchmarks.measuring import child, medians, picture, show, verdict
from img402_mcp.client.files.roots import Roots
from img402_mcp.client.http import Request, Response, Send
from img402_mcp.client.paid_upload import PaidUploader, open_paid_uploader
from img402_mcp.client.settings.model import Money, Settings, WalletSource
from img402_mcp.client.upload import Uploader, open_uploader
from img402_mcp.host.app import create_app
from img402_mcp.host.settings import host_settings
from img402_mcp.mcp_server.asgi import address_of, listen, run_app
from img402_mcp.wire.img402 import OPENAPI, TOKEN
from img402_mcp.wire.x402 import PAYMENT_HEADERS
from tests.fakes.keys import KEY, SELLING

ROUNDS = 60
SIZE = 100_000
GOAL, SIGNING_GOAL = 60.0, 10.0  # ms
LIMITS = "asking for the API's limits"
PRICE = "asking for the price (402)"
SIGNING = "signing"
JOURNAL = "the journal: five commits, each fsynced"
PROOF = "the request with the proof: verified, settled, token"
UPLOAD = "the upload with the token"


class Stopwatch:
    """Milliseconds of each part; the time of a part inside another one counts for the inner one alone."""

    def __init__(self) -> None:
        self.taken: dict[str, float] = defaultdict(float)

    @contextmanager
    def running(self, part: str) -> Iterator[None]:
        start, inner = time.perf_counter(), sum(self.taken.values())
        yield
        all_of_it = (time.perf_counter() - start) * 1000
        self.taken[part] += all_of_it - (sum(self.taken.values()) - inner)

    def on(self, what: Any, part: str) -> Any:  # noqa: ANN401  # it stands in for `what`
        return Timed(what, part, self)

    def on_sending(self, send: Send) -> Send:
        async def timed(request: Request) -> Response:
            with self.running(part_of(request)):
                return await send(request)

        return timed


class Timed:
    """Stands in for an object; its methods are timed."""

    def __init__(self, what: object, part: str, watch: Stopwatch) -> None:
        self._what, self._part, self._watch = what, part, watch

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # as the object has it
        attribute = getattr(self._what, name)
        return self._timed(attribute) if callable(attribute) else attribute

    def _timed(self, method: Callable[..., object]) -> Callable[..., object]:
        def timed(*arguments: object, **named: object) -> object:
            with self._watch.running(self._part):
                return method(*arguments, **named)

        return timed


def part_of(request: Request) -> str:
    if request.url.endswith(OPENAPI):
        return LIMITS
    if request.url.endswith(TOKEN):
        return PROOF if {*PAYMENT_HEADERS.values()} & {*request.headers} else PRICE
    return UPLOAD


def watched(paid: PaidUploader, watch: Stopwatch) -> PaidUploader:
    wallet = watch.on(paid.payer.wallet(), SIGNING)
    send = watch.on_sending(paid.uploader.send)
    payer = replace(paid.payer, wallet=lambda: wallet, journal=watch.on(paid.payer.journal, JOURNAL), send=send)
    return replace(paid, uploader=replace(paid.uploader, send=send), payer=payer)


async def compare(free: Uploader, paid: PaidUploader, files: Iterator[Path]) -> None:
    watch, splits = Stopwatch(), list[dict[str, float]]()
    uploader = watched(paid, watch)

    async def paying() -> None:
        watch.taken.clear()
        await uploader.upload(str(next(files)))
        splits.append(dict(watch.taken))

    async def not_paying() -> None:
        await free.upload(str(next(files)))

    with_payment, without = await medians(ROUNDS, paying, not_paying)
    parts = {part: median(split[part] for split in splits[-ROUNDS:]) for part in splits[-1]}
    added = with_payment - without
    rows = [(part, f"{took:.1f}", *judged(part, took)) for part, took in parts.items()]
    rows += [("paid upload, in all", f"{with_payment:.1f}", "", ""), ("free upload, in all", f"{without:.1f}", "", "")]
    rows += [("added by paying", f"{added:.1f}", f"<= {GOAL:.0f}", verdict(added, GOAL))]
    show(f"A paid upload of {SIZE // 1000} kB, median of {ROUNDS}", ("", "ms", "goal", ""), rows)


def judged(part: str, took: float) -> tuple[str, str]:
    return (f"<= {SIGNING_GOAL:.0f}", verdict(took, SIGNING_GOAL)) if part == SIGNING else ("", "")


def pictures(folder: Path) -> Iterator[Path]:
    """No two alike, since what was paid for once is not paid for again. Made before the clock runs."""
    paths = [folder / f"{number}.png" for number in range(2 * ROUNDS + 4)]
    for path in paths:
        path.write_bytes(picture(SIZE))
    return iter(paths)


async def measure(url: str, folder: Path) -> None:
    money = Money(WalletSource(key=KEY), daily_budget=10_000_000, networks=("base-sepolia",))
    settings = Settings(url, (folder,), folder, history=False, verify=False, money=money)
    async with open_uploader(settings, Roots.resolve([folder])) as uploader:
        with open_paid_uploader(uploader) as paid:
            await compare(uploader, paid, pictures(folder))


def host(folder: str) -> None:
    """Prints its URL."""
    listener = listen("127.0.0.1", 0)
    settings = host_settings(SELLING, data=folder, default_public_url=address_of(listener))
    print(address_of(listener), flush=True)
    run_app(create_app(settings), listener)


def main() -> None:
    with TemporaryDirectory() as name, child("paying", f"{name}/host") as url:
        anyio.run(measure, url, Path(name).resolve())


if __name__ == "__main__":
    if sys.argv[1:]:
        host(sys.argv[1])
    else:
        main()
