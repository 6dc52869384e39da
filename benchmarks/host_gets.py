"""30 KB images a second from our host and from express's sendFile: a few hot ones, and more than the cache holds."""

from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from benchmarks.loading import Load, getting
from benchmarks.measuring import at_least, picture, show, verdict
from benchmarks.servers import Server, empty_folder, express, host, memory
from img402_mcp.formats import PNG
from img402_mcp.host.db.database import Database
from img402_mcp.host.settings import host_settings
from img402_mcp.host.storage.blobs.folder import Folder
from img402_mcp.host.storage.images import Images, StoredImage, new_id

SIZE = 30_000
HOT, MANY = 100, 9000
ROUNDS, SECONDS = 7, 2
OURS, EXPRESS = "img402-mcp host", "express sendFile"
GOALS = {HOT: 2.5, MANY: 1.1}
MB_OF_MEMORY = 90


def filled(ours: Path, theirs: Path) -> list[str]:
    """The same images for both, ours as uploads would have left them; their paths."""
    settings = host_settings({}, data=ours, default_public_url="http://127.0.0.1")
    ours.mkdir()
    Folder(settings.blobs)
    (theirs / "kept").mkdir(parents=True)
    now, image = datetime.now(UTC), picture(SIZE)
    images = [StoredImage(new_id(), PNG, len(image), now, now + timedelta(days=7)) for _ in range(MANY)]
    database = Database(settings.database)
    with database.transaction() as connection:
        for one in images:
            Images(database).add(connection, one)
            for kept in (settings.blobs / "kept", theirs / "kept"):
                (kept / one.name).write_bytes(image)
    database.close()
    return [f"/{one.name}" for one in images]


def rounds(servers: Mapping[str, Server], paths: Path) -> dict[str, list[Load]]:
    loads: dict[str, list[Load]] = {name: [] for name in servers}
    for number in range(-1, ROUNDS):
        for name in servers if number % 2 else reversed([*servers]):
            load = getting(servers[name].url, paths, SECONDS)
            if number >= 0:
                loads[name].append(load)
    return loads


def rows(loads: Mapping[str, list[Load]], count: int) -> list[tuple[str, ...]]:
    rates = {name: median(load.rate for load in some) for name, some in loads.items()}
    p99 = {name: median(load.p99 for load in some) for name, some in loads.items()}
    judged = {
        OURS: at_least(rates[OURS] / rates[EXPRESS], GOALS[count]),
        EXPRESS: ("", f"our p99 <= {p99[EXPRESS]:.2f}", verdict(p99[OURS], p99[EXPRESS])),
    }
    return [
        (
            f"{count} images, {name}",
            f"{rates[name]:.0f}",
            *(f"{median(getattr(load, at) for load in loads[name]):.2f}" for at in ("p50", "p99")),
            *judged[name],
        )
        for name in loads
    ]


def main() -> None:
    with empty_folder() as folder, ExitStack() as stack:
        all_paths = filled(folder / "ours", folder / "theirs")
        ways = {OURS: host(folder / "ours"), EXPRESS: express(folder / "theirs", "plain")}
        servers = {name: stack.enter_context(way) for name, way in ways.items()}
        table = []
        for count in GOALS:
            paths = folder / f"paths-{count}"
            paths.write_text("\n".join(all_paths[:count]))
            table += rows(rounds(servers, paths), count)
        held = memory(servers[OURS].pid, "VmRSS")
    columns = ("", "GETs/s", "p50 ms", "p99 ms", "ours to it", "goal", "")
    judged = f"{held:.0f}", f"<= {MB_OF_MEMORY}", verdict(held, MB_OF_MEMORY)
    table.append((f"MB in memory behind {MANY} images", "", "", "", *judged))
    show(f"GETs of {SIZE // 1000} kB over 8 connections, median of {ROUNDS} rounds", columns, table)


if __name__ == "__main__":
    main()
