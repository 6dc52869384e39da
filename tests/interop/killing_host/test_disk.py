"""A real disk that fills up, or turns read-only under the host: a small one of its own, in a namespace of its own."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from types import SimpleNamespace

import httpx2
import pytest

SIZE = "6m"
INSIDE = ["unshare", "--map-root-user", "--mount", "sh", "-ec"]
START = f"""mount -t tmpfs -o size={SIZE} none "$1"; exec "$2" -m img402_mcp host --port 0 --data "$1" """
FAILED = (500, "upload_failed")


@pytest.fixture
def host(tmp_path: Path, reading: Callable[..., AbstractContextManager[None]]) -> Iterator[SimpleNamespace]:
    """`.url`; `.root`, its data folder; `.run("umount", ...)` in its namespace."""
    may = shutil.which("unshare") and subprocess.run(
        [*INSIDE, 'mount -t tmpfs none "$0"', str(tmp_path)], capture_output=True, check=False
    )
    if not may or may.returncode:
        pytest.skip("this machine gives nobody a disk of their own")
    command = [*INSIDE, START, "sh", str(tmp_path), sys.executable]
    # Otherwise it stops while there still is room.
    environ = {**os.environ, "IMG402_HOST_MIN_FREE_BYTES": "0"}
    with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as process:
        said = next(line for line in process.stderr or () if "http://127" in line)
        enter = ["nsenter", "--target", str(process.pid), "--user", "--mount", "--preserve-credentials"]
        with reading(process.stderr, list):
            yield SimpleNamespace(
                url=said.split(" is at ")[1].split(",")[0],
                root=Path(f"/proc/{process.pid}/root{tmp_path}"),
                data=str(tmp_path),
                run=lambda *words: subprocess.run([*enter, *words], check=True),
            )
            process.terminate()


def uploaded(host: SimpleNamespace, image: bytes) -> httpx2.Response:
    return httpx2.post(f"{host.url}/api/free", files={"image": image}, timeout=20)


def files(host: SimpleNamespace) -> set[str]:
    return {path.name for path in (host.root / "blobs").rglob("*") if path.is_file()}


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


def test_a_full_disk_is_reported_and_stored_images_stay(host: SimpleNamespace, picture_of: Callable[..., bytes]):
    image = picture_of(100, 100, padding=700_000)
    answers = [uploaded(host, image) for _ in range(12)]
    good = [answer.json()["url"] for answer in answers if answer.status_code == 200]
    assert 4 <= len(good) <= 8
    assert {(answer.status_code, answer.json().get("error")) for answer in answers[len(good) :]} == {FAILED}
    assert {httpx2.get(url).content for url in good} == {image}
    assert files(host) == {url.rpartition("/")[2] for url in good}
    host.run("mount", "-o", "remount,size=20m", host.data)
    again = uploaded(host, image)
    assert (again.status_code, httpx2.get(again.json()["url"]).content) == (200, image)


def test_a_disk_without_a_free_byte_serves_on(host: SimpleNamespace, picture_of: Callable[..., bytes]):
    image = picture_of(100, 100)
    good = uploaded(host, image).json()["url"]
    with pytest.raises(OSError, match="No space"):
        fill(host.root / "ballast")
    refused = uploaded(host, image)
    assert (refused.status_code, refused.json()["error"]) == FAILED
    assert httpx2.get(good).content == image
    os.unlink(host.root / "ballast")  # noqa: PTH108 - by the same way as it was written
    assert uploaded(host, image).status_code == 200
    assert len(files(host)) == 2


def test_a_read_only_folder_serves_on(host: SimpleNamespace, picture_of: Callable[..., bytes]):
    image, blobs = picture_of(100, 100), f"{host.data}/blobs"
    good = uploaded(host, image).json()["url"]
    host.run("mount", "--bind", blobs, blobs)
    host.run("mount", "-o", "remount,bind,ro", blobs)
    refused = [uploaded(host, image) for _ in range(3)]
    assert [(answer.status_code, answer.json()["error"]) for answer in refused] == [FAILED] * 3
    assert httpx2.get(good).content == image
    host.run("umount", blobs)
    assert uploaded(host, image).status_code == 200
    assert len(files(host)) == 2
