"""Sending an image, against libcurl (pycurl) to the same sink; and what reading and hashing cost beside it."""

import hashlib
import io
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
import anyio.to_thread
import httpx2
import pycurl  # type: ignore[import-untyped]  # an extra, without types

from benchmarks.certificate import write_certificate
from benchmarks.measuring import MB, Way, child, medians, picture, show, verdict
from img402_mcp.client.apis.img402 import Img402
from img402_mcp.client.files.image import Image, read_image
from img402_mcp.client.files.roots import Roots
from img402_mcp.client.http import Send, sending
from img402_mcp.client.proxies import LIMITS
from img402_mcp.client.settings.model import Settings
from img402_mcp.client.upload import open_uploader
from img402_mcp.formats import examine

# Size in MB -> how often it is sent, and the goal as a multiple of libcurl.
SIZES = {0.9: (80, 3.0), 5.0: (40, 2.2), 25.0: (16, 2.0)}
ROUND_TRIP = 40  # milliseconds
LINK_GOAL = 1.1
PROCESS_GOAL = 0.5

COLUMNS = ("", "ours ms", "libcurl ms", "ratio", "goal", "")


def row(what: str, ours: float, theirs: float, goal: float) -> tuple[str, ...]:
    ratio = ours / theirs
    return (what, f"{ours:.2f}", f"{theirs:.2f}", f"{ratio:.2f}", f"<= {goal}", verdict(ratio, goal))


@contextmanager
def libcurl(url: str, image: bytes | Path, certificate: Path | None = None) -> Iterator[Way]:
    """A warm handle that posts the image, or the file of it, again and again."""
    handle = pycurl.Curl()
    handle.setopt(pycurl.URL, url + "/api/free")
    form = pycurl.CurlMime(handle)
    if isinstance(image, bytes):
        form.add(name="image", data=image, filename="image.png")
    else:
        form.add_file("image", str(image))
    handle.setopt(pycurl.MIMEPOST, form)
    # Else it waits for the server's leave before each body over 1 MB.
    handle.setopt(pycurl.HTTPHEADER, ["Expect:"])
    # The largest there is, and libcurl's best here.
    handle.setopt(pycurl.UPLOAD_BUFFERSIZE, 2 << 20)
    if certificate:
        handle.setopt(pycurl.CAINFO, str(certificate))

    async def post() -> None:
        answer = io.BytesIO()
        handle.setopt(pycurl.WRITEDATA, answer)
        handle.perform()
        assert handle.getinfo(pycurl.RESPONSE_CODE) == 200, answer.getvalue()

    yield post
    handle.close()


@asynccontextmanager
async def trusting(certificate: Path | None) -> AsyncIterator[Send]:
    tls = ssl.create_default_context(cafile=certificate) if certificate else None
    transport = httpx2.AsyncHTTPTransport(verify=tls, limits=LIMITS) if tls else None
    async with sending(transport) as send:
        yield send


async def send_step(size: float, url: str, certificate: Path | None = None) -> tuple[str, ...]:
    rounds, goal = SIZES[size]
    data = picture(int(size * MB))
    image = Image(Path("shot.png"), data, examine(data))
    room = Img402(url)
    async with trusting(certificate) as send:
        with libcurl(url, data, certificate) as post:
            ours, theirs = await medians(rounds, lambda: room.upload(image, send), post)
    return row(f"{size} MB, {'TLS' if certificate else 'plain'}", ours, theirs, goal)


async def reading(folder: Path, size: float) -> tuple[str, ...]:
    path = folder / f"{size}.png"
    path.write_bytes(picture(int(size * MB)))
    roots = Roots.resolve([folder])

    async def read() -> Image:
        return await anyio.to_thread.run_sync(lambda: read_image(str(path), roots, limit=26 * MB))

    data = path.read_bytes()

    async def sha256() -> bytes:
        return hashlib.sha256(data).digest()

    took = await medians(SIZES[size][0], read, sha256)
    return (f"{size} MB", *(f"{milliseconds / size:.2f}" for milliseconds in took))


async def uploader(folder: Path, url: str, rounds: int, goal: float, way: str) -> tuple[str, ...]:
    """Path to URL, the whole of it, against `way`: libcurl or one process of curl for each file."""
    path = folder / "0.9.png"

    async def process() -> None:
        command = ["curl", "--silent", "--fail", "-F", f"image=@{path}", f"{url}/api/free"]
        subprocess.run(command, check=True, capture_output=True)  # noqa: ASYNC221  # nothing else runs meanwhile

    async with open_uploader(
        Settings(url, (folder,), folder, history=False, verify=False), Roots.resolve([folder])
    ) as ours:
        with libcurl(url, path) as post:
            mine, theirs = await medians(rounds, lambda: ours.upload(str(path)), post if way == "libcurl" else process)
    return row(f"0.9 MB against {way}", mine, theirs, goal)


async def compare(folder: Path) -> None:
    certificate, key = write_certificate(folder)
    with child("sink") as plain, child("sink", str(certificate), str(key)) as tls:
        rows = [await send_step(size, f"http://127.0.0.1:{plain}") for size in SIZES]
        rows += [await send_step(size, f"https://localhost:{tls}", certificate) for size in SIZES]
        show("The send step alone: bytes in memory, warm connection, loopback", COLUMNS, rows)
        rows = [await reading(folder, size) for size in SIZES]
        show("Beside it, in ms per MB", ("", "read and check", "sha256"), rows)
        with child("slow_link", plain, str(ROUND_TRIP)) as link:
            rows = [await uploader(folder, f"http://127.0.0.1:{link}", 31, LINK_GOAL, "libcurl")]
        show(f"The whole uploader over a link of {ROUND_TRIP} ms round trip", COLUMNS, rows)
        rows = [await uploader(folder, f"http://127.0.0.1:{plain}", 20, PROCESS_GOAL, "a curl process each")]
        show("The whole uploader on loopback", COLUMNS, rows)


def main() -> None:
    with TemporaryDirectory() as name:
        anyio.run(compare, Path(name).resolve())


if __name__ == "__main__":
    main()
