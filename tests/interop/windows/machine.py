"""A Windows of our own, run by Wine: commands and the MCP server on it, with pipes for all of their streams."""

import json
import subprocess
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.interop.processes import ended
from tests.interop.windows.build import python, wine

MODULE = ("-m", "img402_mcp")
HELLO = {
    "protocolVersion": "2025-11-25",
    "capabilities": {"elicitation": {}},
    "clientInfo": {"name": "test", "version": "1"},
}


@dataclass(frozen=True)
class Machine:
    """`folder` holds what `build` made; `environ` is of every program that runs here."""

    folder: Path
    environ: Mapping[str, str] = field(default_factory=dict)

    @property
    def drive(self) -> Path:
        """`C:`, as Linux sees it."""
        return self.folder / "wine" / "drive_c"

    def path(self, place: Path) -> str:
        """What a file on the drive is called there."""
        return "C:\\" + "\\".join(place.relative_to(self.drive).parts)

    def run(
        self,
        *words: str,
        given: bytes = b"",
        module: bool = True,
        here: Path | None = None,
        env: Mapping[str, str] | None = None,
        seconds: float = 900,
    ) -> subprocess.CompletedProcess[bytes]:
        """A command of the product; with `module=False` any words for the Python there."""
        command = [*python(self.folder), *(MODULE if module else ()), *words]
        return subprocess.run(
            command,
            input=given,
            env=wine(self.folder) | {**self.environ} | {**(env or {})},
            capture_output=True,
            cwd=here or self.drive,
            timeout=seconds,
            check=False,
        )

    @contextmanager
    def server(
        self, reading: Callable[..., Any], here: Path | None = None, env: Mapping[str, str] | None = None
    ) -> Iterator["Agent"]:
        """The MCP server on stdio, and an agent that has said hello."""
        with subprocess.Popen(
            [*python(self.folder), *MODULE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=wine(self.folder) | {**self.environ} | {**(env or {})},
            cwd=here or self.drive,
        ) as process:
            log: deque[bytes] = deque()
            with reading(process.stderr, log.extend), ended(process):
                agent = Agent(process, log)
                agent.ask("initialize", HELLO)
                agent.say({"method": "notifications/initialized"})
                yield agent


@dataclass
class Agent:
    """Speaks line by line, so that each byte of the server's can be looked at."""

    process: subprocess.Popen[bytes]
    log: "deque[bytes]"
    lines: list[bytes] = field(default_factory=list)
    answers: list[dict[str, Any]] = field(default_factory=list)
    """What the person answers to the server's questions, in turn."""
    questions: list[str] = field(default_factory=list)
    asked: int = 0

    def say(self, message: dict[str, Any]) -> None:
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0"} | message).encode() + b"\n")
        self.process.stdin.flush()

    def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        self.asked += 1
        self.say({"id": self.asked, "method": method, "params": params})
        while True:
            self.lines.append(self.process.stdout.readline())
            message = json.loads(self.lines[-1])
            if message.get("method") == "elicitation/create":
                self.questions.append(message["params"]["message"])
                self.say({"id": message["id"], "result": self.answers.pop(0)})
            elif message.get("id") == self.asked and "method" not in message:
                return message.get("result") or message

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        return self.ask("tools/call", {"name": tool, "arguments": arguments})

    def refused(self, tool: str, **arguments: Any) -> str:
        """The sentence; an answer without an error is none."""
        result = self.call(tool, **arguments)
        assert result["isError"], result
        return str(result["content"][0]["text"])
