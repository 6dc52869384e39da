"""How much memory the largest uploads need, measured in a separate process."""

import json
import os
import re
import sys
from pathlib import Path

import anyio
import pytest
from anyio.abc import SocketAttribute

PROGRAM = Path(__file__).with_name("large_upload.py")
MB = 1024 * 1024
pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux counts a process's memory there")


@pytest.mark.parametrize(
    ("size", "environ"),
    [
        pytest.param(25 * MB - 1000, {"IMG402_STUDIO_URL": "{api}", "IMG402_STUDIO_TOKEN": "t"}, id="studio-25-MB"),
        pytest.param(20 * MB - 1000, {"IMG402_IO42_URL": "{api}/api", "IMG402_IO42_KEY": "k"}, id="io42-20-MB"),
    ],
)
async def test_a_large_file_needs_less_than_twice_its_size_and_64_mb(size, environ, tmp_path, picture_of):
    folder = tmp_path.resolve()
    (folder / "small.png").write_bytes(picture_of(100, 100))
    (folder / "large.png").write_bytes(picture_of(100, 100, padding=size))
    received: list[int] = []
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as tasks:
        api = f"http://127.0.0.1:{listener.extra(SocketAttribute.local_port)}"

        async def answer(stream):
            async with stream:
                received.append(await discard(stream))
                await stream.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + granting(api))

        tasks.start_soon(listener.serve, answer)
        named = {name: value.format(api=api) for name, value in environ.items()}
        command = [sys.executable, str(PROGRAM), str(folder)]
        done = await anyio.run_process(command, env=os.environ | named, stderr=None)
        tasks.cancel_scope.cancel()
    assert max(received) >= size
    assert int(done.stdout) < 2 * size + 64 * MB


async def discard(stream) -> int:
    """Reads one request and returns its body's length."""
    head = b""
    while b"\r\n\r\n" not in head:
        head += await stream.receive()
    head, _, body = head.partition(b"\r\n\r\n")
    length = int(re.search(rb"content-length: (\d+)", head.lower())[1])
    came = len(body)
    while came < length:
        came += len(await stream.receive())
    return length


def granting(api: str) -> bytes:
    """An answer that fits both APIs."""
    slot = {"message": "", "uploadUrl": f"{api}/put", "mediaFileId": "m", "fileName": "f", "submissionId": "sub_1"}
    data = slot | {"expiresAt": "2099-01-15T15:30:00Z"}
    return json.dumps({"success": True, "data": data, "upload_key": "k", "image_url": f"{api}/x"}).encode()
