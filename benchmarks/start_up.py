"""From the start of the process to its answer to tools/list, against a bare server of the same SDK."""

import json
import subprocess
import sys
from pathlib import Path

import anyio

from benchmarks.measuring import Way, medians, show, verdict

GOAL = 1.05
ROUNDS = 31


def message(method: str, identifier: int | None = None, **params: object) -> str:
    request = {"jsonrpc": "2.0", "method": method, "params": params}
    return json.dumps(request | ({} if identifier is None else {"id": identifier})) + "\n"


HANDSHAKE = "".join(
    (
        message(
            "initialize",
            1,
            protocolVersion="2025-11-25",
            capabilities={},
            clientInfo={"name": "start_up", "version": "1"},
        ),
        message("notifications/initialized"),
        message("tools/list", 2),
    )
)


def starting(*words: str) -> Way:
    async def start() -> None:
        with subprocess.Popen(  # noqa: ASYNC220  # nothing else runs meanwhile
            [sys.executable, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as server:
            assert server.stdin is not None
            assert server.stdout is not None
            server.stdin.write(HANDSHAKE)
            server.stdin.flush()
            answers = [json.loads(server.stdout.readline()) for _ in range(2)]
            server.kill()
            assert answers[-1]["result"]["tools"], answers

    return start


async def main() -> None:
    bare = Path(__file__).with_name("bare_server.py")
    ours, theirs = await medians(ROUNDS, starting("-m", "img402_mcp"), starting(str(bare)))
    show(
        f"Start to the answer to tools/list over stdio, median of {ROUNDS} interleaved starts",
        ("", "ms", "ratio", "goal", ""),
        [
            ("bare MCPServer", f"{theirs:.0f}", "1.00", "", ""),
            ("img402-mcp", f"{ours:.0f}", f"{ours / theirs:.2f}", f"<= {GOAL}", verdict(ours / theirs, GOAL)),
        ],
    )


if __name__ == "__main__":
    anyio.run(main)
