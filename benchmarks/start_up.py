"""From the start of the process to its answer to tools/list: against a bare server of the same SDK and, where it is
installed, Node's filesystem server. Also the first start, which has to compile all that it imports.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio

from benchmarks.measuring import Way, medians, show, verdict

GOAL = 1.05
ROUNDS = 31
FIRST_ROUNDS = 7
FILESYSTEM_SERVER = shutil.which("mcp-server-filesystem")
ENVIRON = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""With that variable, what was edited last is compiled at each start."""


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


def starting(*command: str, **environ: str) -> Way:
    async def start() -> None:
        with subprocess.Popen(  # noqa: ASYNC220  # nothing else runs meanwhile
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=ENVIRON | environ,
        ) as server:
            assert server.stdin is not None
            assert server.stdout is not None
            server.stdin.write(HANDSHAKE)
            server.stdin.flush()
            answers = [json.loads(server.stdout.readline()) for _ in range(2)]
            server.kill()
            assert answers[-1]["result"]["tools"], answers

    return start


def starting_first(*command: str) -> Way:
    """With an empty folder in place of the bytecode."""

    async def start() -> None:
        with TemporaryDirectory() as empty:
            await starting(*command, PYTHONPYCACHEPREFIX=empty)()

    return start


async def main() -> None:
    bare = (sys.executable, str(Path(__file__).with_name("bare_server.py")))
    ours = (sys.executable, "-m", "img402_mcp")
    node = [starting(FILESYSTEM_SERVER, str(Path.cwd()))] if FILESYSTEM_SERVER else []
    bare_ms, ours_ms, *node_ms = await medians(ROUNDS, starting(*bare), starting(*ours), *node)
    show(
        f"Start to the answer to tools/list over stdio, median of {ROUNDS} interleaved starts",
        ("", "ms", "ratio", "goal", ""),
        [
            ("bare MCPServer", f"{bare_ms:.0f}", "1.00", "", ""),
            (
                "img402-mcp",
                f"{ours_ms:.0f}",
                f"{ours_ms / bare_ms:.2f}",
                f"<= {GOAL}",
                verdict(ours_ms / bare_ms, GOAL),
            ),
            *(("Node's filesystem server", f"{each:.0f}", f"{each / bare_ms:.2f}", "", "") for each in node_ms),
        ],
    )
    bare_first, ours_first = await medians(FIRST_ROUNDS, starting_first(*bare), starting_first(*ours))
    show(
        f"The same without bytecode, median of {FIRST_ROUNDS}",
        ("", "ms", "ratio"),
        [
            ("bare MCPServer", f"{bare_first:.0f}", "1.00"),
            ("img402-mcp", f"{ours_first:.0f}", f"{ours_first / bare_first:.2f}"),
        ],
    )


if __name__ == "__main__":
    anyio.run(main)
