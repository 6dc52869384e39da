"""300 KB uploads a second to our host, to express with multer made as durable, and to express that syncs nothing."""

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from benchmarks.loading import Load, multipart, posting
from benchmarks.measuring import at_least, picture, show, verdict
from benchmarks.servers import Server, empty_folder, express, host, processor_seconds

SIZE = 300_000
ROUNDS, SECONDS = 7, 2
OURS, DURABLE, PLAIN = "img402-mcp host", "express + multer, durable", "express + multer, nothing synced"
GOALS = {8: {DURABLE: 1.2, PLAIN: 0.7}, 32: {DURABLE: 1.0}}
"""Connections -> at least so many times as many uploads as each of the others."""
MS_OF_PROCESSOR = 1.1
Measured = tuple[Load, float]
"""A load, and the milliseconds of processor time that the server spent on one upload."""


def rounds(servers: Mapping[str, Server], body: Path, connections: int) -> dict[str, list[Measured]]:
    """They take turns in changing order; what one leaves to be written is on the disk before the next begins."""
    loads: dict[str, list[Measured]] = {name: [] for name in servers}
    for number in range(-1, ROUNDS):
        for name in servers if number % 2 else reversed([*servers]):
            os.sync()
            before = processor_seconds(servers[name].pid)
            load = posting(servers[name].url, body, SECONDS, connections)
            spent = (processor_seconds(servers[name].pid) - before) * 1000 / (load.rate * SECONDS)
            if number >= 0:
                loads[name].append((load, spent))
    return loads


def rows(loads: Mapping[str, Sequence[Measured]], goals: Mapping[str, float]) -> list[tuple[str, ...]]:
    """Ours is judged by its p99 and its processor time, the others by how many uploads we make to theirs."""
    rates = {name: median(load.rate for load, _ in some) for name, some in loads.items()}
    p99 = {name: median(load.p99 for load, _ in some) for name, some in loads.items()}
    spent = median(spent for _, spent in loads[OURS])
    judged = {
        OURS: ("", f"p99 <= {p99[DURABLE]:.0f}, CPU <= {MS_OF_PROCESSOR}", _both(p99, spent)),
        **{name: at_least(rates[OURS] / rates[name], goal) for name, goal in goals.items()},
    }
    return [
        (
            name,
            f"{rates[name]:.0f}",
            f"{median(load.p50 for load, _ in loads[name]):.1f}",
            f"{p99[name]:.1f}",
            f"{median(spent for _, spent in loads[name]):.2f}",
            *judged.get(name, (f"{rates[OURS] / rates[name]:.2f}", "", "")),
        )
        for name in loads
    ]


def _both(p99: Mapping[str, float], spent: float) -> str:
    return f"{verdict(p99[OURS], p99[DURABLE])}, {verdict(spent, MS_OF_PROCESSOR)}"


def main() -> None:
    columns = ("", "uploads/s", "p50 ms", "p99 ms", "CPU ms", "ours to it", "goal", "")
    with empty_folder() as folder, ExitStack() as stack:
        body = folder / "body"
        body.write_bytes(multipart(picture(SIZE)))
        ways = {
            OURS: host(folder / "ours"),
            DURABLE: express(folder / "durable", "durable"),
            PLAIN: express(folder / "plain", "plain"),
        }
        servers = {name: stack.enter_context(way) for name, way in ways.items()}
        for connections, goals in GOALS.items():
            table = rows(rounds(servers, body, connections), goals)
            show(f"Uploads of {SIZE // 1000} kB over {connections} connections, {ROUNDS} rounds", columns, table)


if __name__ == "__main__":
    main()
