"""The installed program, with the real clock, against an API that accepts every request and answers none.

Clients cut a call at 60 seconds.
"""

import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters

CUT = 58.0


@pytest.mark.timeout(120)
async def test_every_call_ends_before_a_client_cuts_it(tmp_path: Path, sample) -> None:
    (tmp_path / "a.png").write_bytes(sample("plain.png"))
    (tmp_path / "b.png").write_bytes(sample("animated.png"))
    calls: dict[str, dict[str, Any]] = {
        "limits": {},
        "get_upload_token": {},
        "upload_free": {"path": str(tmp_path / "a.png")},
        "upload_batch": {"paths": [str(tmp_path / "b.png")]},
    }
    took: dict[str, float] = {}

    async def keep_silent(stream) -> None:
        with suppress(anyio.EndOfStream):
            async with stream:
                while await stream.receive():
                    pass

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, keep_silent)
        url = f"http://127.0.0.1:{listener.extra(anyio.abc.SocketAttribute.local_port)}"
        env = {"IMG402_API_URL": url, "IMG402_ALLOW_DIRS": str(tmp_path), "IMG402_STATE_DIR": str(tmp_path / "state")}
        server = StdioServerParameters(command=sys.executable, args=["-m", "img402_mcp"], env=env)
        async with Client(server, read_timeout_seconds=CUT) as client, anyio.create_task_group() as parallel:

            async def timed(tool: str) -> None:
                began = time.monotonic()
                result = await client.call_tool(tool, calls[tool])
                took[tool] = time.monotonic() - began
                assert "did not answer in time" in result.content[0].text

            for tool in calls:
                parallel.start_soon(timed, tool)
        tasks.cancel_scope.cancel()
    assert took.keys() == calls.keys()
    assert max(took.values()) < CUT
