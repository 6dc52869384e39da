"""A batch over a link of 40 ms, against libcurl (pycurl) with 16 connections; and what remembering adds."""

import io
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
import pycurl  # type: ignore[import-untyped]  # an extra, without types

from benchmarks.measuring import Way, child, medians, picture, show, verdict
from img402_mcp.client import batch
from img402_mcp.client.files.roots import Roots
from img402_mcp.client.settings.model import Settings
from img402_mcp.client.upload import UploadOptions, open_uploader

FILES = 100
SIZE = 300_000
ROUND_TRIP = 40  # milliseconds
CONNECTIONS = 16
GOAL = 1.15
ROUNDS = 9
# The bare uploader does what libcurl does. Verifying is not measured: the sink holds no images.
WAYS = {"bare": False, "with the history": True}


@contextmanager
def libcurl(url: str, paths: Sequence[Path], connections: int) -> Iterator[Way]:
    """Warm handles that post all files, `connections` at a time."""
    handles = [_handle(url, path) for path in paths]
    multi = pycurl.CurlMulti()
    multi.setopt(pycurl.M_MAX_TOTAL_CONNECTIONS, connections)
    multi.setopt(pycurl.M_MAXCONNECTS, connections)

    async def post() -> None:
        for handle in handles:
            handle.setopt(pycurl.WRITEDATA, io.BytesIO())
            multi.add_handle(handle)
        while multi.perform()[1]:
            multi.select(1.0)
        for handle in handles:
            assert handle.getinfo(pycurl.RESPONSE_CODE) == 200
            multi.remove_handle(handle)

    yield post
    multi.close()
    for handle in handles:
        handle.close()


def _handle(url: str, path: Path) -> pycurl.Curl:
    handle = pycurl.Curl()
    handle.setopt(pycurl.URL, url + "/api/free")
    form = pycurl.CurlMime(handle)
    form.add_file("image", str(path))
    handle.setopt(pycurl.MIMEPOST, form)
    handle.setopt(pycurl.HTTPHEADER, ["Expect:"])
    handle.setopt(pycurl.UPLOAD_BUFFERSIZE, 2 << 20)
    return handle


async def ours(stack: AsyncExitStack, settings: Settings, folder: Path) -> Way:
    roots = Roots.resolve([folder])
    uploader = await stack.enter_async_context(open_uploader(settings, roots))

    async def upload() -> None:
        done = await batch.upload_matching(
            lambda path, progress: uploader.upload(path, progress, UploadOptions(fresh=True)),
            [f"{folder}/*.png"],
            roots,
        )
        assert len(done.uploads) == FILES, done

    return upload


async def compare(folder: Path, url: str) -> None:
    paths = [folder / f"{number}.png" for number in range(FILES)]
    for path in paths:
        path.write_bytes(picture(SIZE))
    bare = Settings(url, (folder,), folder / "state", verify=False)
    async with AsyncExitStack() as stack:
        ways = [await ours(stack, replace(bare, history=history), folder) for history in WAYS.values()]
        curls = [stack.enter_context(libcurl(url, paths, connections)) for connections in (CONNECTIONS, 8)]
        *taken, sixteen, same = await medians(ROUNDS, *ways, *curls)
    rows = [
        _row(name, took, sixteen, same, GOAL if name == "bare" else None)
        for name, took in zip(WAYS, taken, strict=True)
    ]
    head = ("", "ours ms", f"of libcurl's {CONNECTIONS} connections", "of its 8", "goal", "")
    show(f"{FILES} files of {SIZE:,} bytes, {batch.AT_ONCE} at once", head, rows)
    print(f"  libcurl: {CONNECTIONS} connections {sixteen:.0f} ms, 8 connections {same:.0f} ms")


def _row(name: str, took: float, sixteen: float, same: float, goal: float | None) -> tuple[str, ...]:
    ratio = took / sixteen
    judged = (f"<= {goal}", verdict(ratio, goal)) if goal else ("", "")
    return (name, f"{took:.0f}", f"{ratio:.2f}", f"{took / same:.2f}", *judged)


def main() -> None:
    with TemporaryDirectory() as name, child("sink") as sink, child("slow_link", sink, str(ROUND_TRIP)) as link:
        anyio.run(compare, Path(name).resolve(), f"http://127.0.0.1:{link}")


if __name__ == "__main__":
    main()
