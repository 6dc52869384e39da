"""What a 25 MB upload takes of memory on top of the file itself, in a fresh process after a first small upload."""

import sys
import tracemalloc
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio

from benchmarks.measuring import MB, child, picture, show, verdict
from img402_mcp.client.files.roots import Roots
from img402_mcp.client.settings.model import Settings
from img402_mcp.client.upload import open_uploader

SIZE = 25
GOAL = 2.0  # MB


def largest_so_far() -> float:
    """MB of the process at its largest, by Linux. (ru_maxrss will not do: a child begins with its parent's.)"""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024 / MB


async def upload(url: str, folder: Path, way: str) -> None:
    """Prints the MB on top of the file, as Python counts its own allocations or as the system sees the process."""
    async with open_uploader(
        Settings(url, (folder,), folder, history=False, verify=False), Roots.resolve([folder])
    ) as uploader:
        await uploader.upload(str(folder / "small.png"))
        before = largest_so_far()
        if way == "python":
            tracemalloc.start()
        await uploader.upload(str(folder / "large.png"))
        took = tracemalloc.get_traced_memory()[1] / MB if way == "python" else largest_so_far() - before
    print(took - (folder / "large.png").stat().st_size / MB)


def main() -> None:
    with TemporaryDirectory() as name, child("sink") as port:
        folder = Path(name).resolve()
        (folder / "small.png").write_bytes(picture(MB // 10))
        (folder / "large.png").write_bytes(picture(SIZE * MB))
        rows = []
        for way, what in (("python", "allocated by Python"), ("process", "growth of the process")):
            with child("memory", f"http://127.0.0.1:{port}", str(folder), way) as said:
                on_top = float(said)
            rows.append((what, f"{on_top:.2f}", f"<= {GOAL}", verdict(on_top, GOAL)))
        show(f"Memory on top of a file of {SIZE} MB", ("", "MB", "goal", ""), rows)


if __name__ == "__main__":
    if sys.argv[1:]:
        anyio.run(upload, sys.argv[1], Path(sys.argv[2]), sys.argv[3])
    else:
        main()
