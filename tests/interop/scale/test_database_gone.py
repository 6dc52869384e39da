"""PostgreSQL stops while the host runs, and comes back."""

import os
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import anyio
from httpx2 import AsyncClient

Running = Callable[..., AbstractContextManager[str]]


async def test_without_its_database_the_host_says_so_and_goes_on_when_it_is_back(
    postgres: Callable[[Path], AbstractContextManager[str]],
    running: Running,
    storage: dict[str, str],
    cluster: Path,
    tmp_path: Path,
    sample: Callable[[str], bytes],
):
    image = {"image": sample("plain.png")}
    with postgres(cluster) as database:
        environ = storage | {
            "IMG402_HOST_DATABASE": database,
            "IMG402_HOST_BLOBS": "s3://images/gone",
            "IMG402_HOST_SECRET": "the same on each of the machines",
        }
        words = ["-m", "img402_mcp", "host", "--port", "0", "--data", tmp_path / "data"]
        with running(words, environ) as url:
            async with AsyncClient(base_url=url, timeout=30) as client:
                assert (await client.post("/api/free", files=image)).status_code == 200
                pid = int((cluster / "postmaster.pid").read_text().partition("\n")[0])
                os.kill(pid, signal.SIGINT)
                while (cluster / "postmaster.pid").exists():
                    await anyio.lowlevel.checkpoint()
                with anyio.fail_after(20):
                    refused = await client.post("/api/free", files=image)
                    asked = [await client.get(path) for path in ("/readyz", "/aaaaaaaaaaaaa.png")]
                assert (refused.status_code, refused.json()["error"]) == (500, "upload_failed")
                assert [(answer.status_code, answer.json()["error"]) for answer in asked] == [
                    (503, "not_ready"),
                    (503, "unavailable"),
                ]
                with postgres(cluster):
                    back = [await client.post("/api/free", files=image) for _ in range(3)]
                assert [answer.status_code for answer in back] == [200] * 3
