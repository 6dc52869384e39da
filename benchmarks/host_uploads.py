"""300 KB uploads a second to our host, to express with multer made as durable, and to express that syncs nothing."""

import os
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from benchmarks.loading import Load, multipart, posting
from benchmarks.measuring import at_least, picture, show
from benchmarks.servers import Server, empty_folder, express, host

SIZE = 300_000
ROUNDS, SECONDS = 7, 2
OURS, DURABLE, PLAIN = "img402-mcp host", "express + multer, durable", "express + multer, nothing synced"
GOALS = {DURABLE: 1.0, PLAIN: 0.75}


def rounds(servers: Mapping[str, Server], body: Path) -> dict[str, list[Load]]:
    """They take turns in changing order; what one leaves to be written is on the disk before the next begins."""
    loads: dict[str, list[Load]] = {name: [] for name in servers}
    for number in range(-1, ROUNDS):
        for name in servers if number % 2 else reversed([*servers]):
            os.sync()
            load = posting(servers[name].url, body, SECONDS)
            if number >= 0:
                loads[name].append(load)
    return loads


def main() -> None:
    with empty_folder() as folder, ExitStack() as stack:
        body = folder / "body"
        body.write_bytes(multipart(picture(SIZE)))
        ways = {
            OURS: host(folder / "ours"),
            DURABLE: express(folder / "durable", "durable"),
            PLAIN: express(folder / "plain", "plain"),
        }
        loads = rounds({name: stack.enter_context(way) for name, way in ways.items()}, body)
    rates = {name: median(load.rate for load in some) for name, some in loads.items()}
    rows = [
        (
            name,
            f"{rates[name]:.0f}",
            *(f"{median(getattr(load, at) for load in loads[name]):.1f}" for at in ("p50", "p99")),
            *(at_least(rates[OURS] / rates[name], GOALS[name]) if name in GOALS else ("", "", "")),
        )
        for name in loads
    ]
    columns = ("", "uploads/s", "p50 ms", "p99 ms", "ours to it", "goal", "")
    show(f"Uploads of {SIZE // 1000} kB over 8 connections, median of {ROUNDS} rounds", columns, rows)


if __name__ == "__main__":
    main()
