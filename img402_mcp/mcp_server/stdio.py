"""MCP over stdin and stdout, a message a line: every request gets an answer, and nothing else is written there.

The SDK drops a line that it cannot read, and its client then waits until its time-out. Here such a line is answered
with a JSON-RPC error, and the rest is passed on. At the end of the input the server waits for calls in progress, so
that a pipe (`printf ... | img402-mcp`) gets its answers. If the reader of stdout is gone, the server ends.
"""

import json
import os
import re
import select
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any, cast

import anyio
from mcp.server.mcpserver import MCPServer
from mcp.server.stdio import stdio_server
from mcp_types import (
    INVALID_REQUEST,
    PARSE_ERROR,
    JSONRPCMessage,
    JSONRPCNotification,
    JSONRPCRequest,
    jsonrpc_message_adapter,
)
from pydantic import ValidationError

MAX_LINE_BYTES = 4 * 1024 * 1024
"""Bytes: as much as the SDK reads of a body over HTTP."""
_LONGEST_SEARCHED = 1024 * 1024
_NEVER_ANSWERED = "subscriptions/listen"
"""It stays open until the connection ends."""


async def serve_stdio(server: MCPServer[Any], source: int, sink: int) -> None:
    """`source` and `sink` are descriptors that nothing else in this process reads or writes."""
    wire = Wire(source, sink)
    file = anyio.wrap_file(cast("IO[str]", wire))  # a Wire has all that the SDK needs of a file
    async with stdio_server(file, file) as (messages, answers):
        inner = server._lowlevel_server  # noqa: SLF001  # MCPServer runs on the process's own streams alone
        await inner.run(messages, answers, inner.create_initialization_options())


class Wire:
    """Both ends of the connection, as the files that the SDK reads lines from and writes lines to, in threads."""

    def __init__(self, source: int, sink: int) -> None:
        self._source, self._sink = source, sink
        self._lines = _Lines(source)
        self._writing = threading.Lock()
        self._under_way = _UnderWay()

    def readline(self) -> str:
        """The next message that can be read; empty at the end."""
        while (line := self._next_line()) is not None:
            if not line.strip():
                continue
            try:
                text = line.decode()
                message = jsonrpc_message_adapter.validate_json(text, by_name=False)
            except (UnicodeDecodeError, ValidationError) as error:
                self._refuse(line, _code(error))
                continue
            if isinstance(message, JSONRPCNotification) and "id" in json.loads(text):
                self._refuse(line, INVALID_REQUEST)  # the SDK takes a request with an invalid id for a notification
                continue
            self._under_way.read(message)
            return text
        self._under_way.wait(self._is_heard)
        return ""

    def write(self, text: str) -> None:
        """Writes a line; if nobody reads any more, it is silently lost."""
        data = memoryview(text.encode())
        with self._writing, suppress(OSError):
            while data:
                data = data[os.write(self._sink, data) :]
        self._under_way.written(json.loads(text))

    def flush(self) -> None:
        """There is no buffer."""

    def _next_line(self) -> bytes | None:
        while not self._lines.has_one:
            if not self._wait_for_input() or not self._lines.fill():
                break
        return self._lines.take()

    def _wait_for_input(self) -> bool:
        """False if the reader of stdout is gone: then nobody waits for an answer."""
        if not hasattr(select, "poll"):
            return True  # Windows: reading blocks, and only the end of the input ends the server
        poll = select.poll()
        poll.register(self._source, select.POLLIN)
        poll.register(self._sink, 0)
        return self._sink not in {descriptor for descriptor, _ in poll.poll()}

    def _is_heard(self) -> bool:
        if not hasattr(select, "poll"):
            return True
        poll = select.poll()
        poll.register(self._sink, 0)
        return not poll.poll(0)

    def _refuse(self, line: bytes, code: int) -> None:
        words = {PARSE_ERROR: "Parse error", INVALID_REQUEST: "Invalid Request"}[code]
        error = {"code": code, "message": f"{words}: one JSON-RPC message a line was expected, in UTF-8"}
        self.write(json.dumps({"jsonrpc": "2.0", "id": id_in(line), "error": error}) + "\n")


class _Lines:
    """Lines from a descriptor, each of a bounded length: a longer one is cut, which makes it unreadable."""

    def __init__(self, source: int) -> None:
        self._source = source
        self._rest = bytearray()
        self._searched = 0
        self._skipping = False
        self._ended = False

    @property
    def has_one(self) -> bool:
        return self._ended or self._rest.find(b"\n", self._searched) >= 0 or len(self._rest) > MAX_LINE_BYTES

    def fill(self) -> bool:
        self._searched = len(self._rest)
        try:
            piece = os.read(self._source, 65_536)
        except OSError:
            piece = b""
        self._rest += piece
        self._ended = not piece
        return bool(piece)

    def take(self) -> bytes | None:
        """The next line; None at the end."""
        end = self._rest.find(b"\n")
        size = end + 1 if end >= 0 else len(self._rest)
        line = bytes(self._rest[: min(size, MAX_LINE_BYTES)])
        del self._rest[:size]
        self._searched = 0
        skipped, self._skipping = self._skipping, end < 0 and not self._ended
        return b"\n" if skipped and size else line or None


class _UnderWay:
    """The unanswered requests of both sides."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._theirs: set[object] = set()
        self._ours: set[object] = set()

    def read(self, message: JSONRPCMessage) -> None:
        with self._changed:
            if isinstance(message, JSONRPCRequest):
                self._theirs |= {message.id} if message.method != _NEVER_ANSWERED else set()
            elif isinstance(message, JSONRPCNotification):
                if message.method == "notifications/cancelled":
                    self._theirs.discard((message.params or {}).get("requestId"))
            else:
                self._ours.discard(message.id)
            self._changed.notify_all()

    def written(self, message: dict[str, Any]) -> None:
        with self._changed:
            if "method" not in message:
                self._theirs.discard(message["id"])
            elif "id" in message:
                self._ours.add(message["id"])
            self._changed.notify_all()

    def wait(self, heard: Callable[[], bool]) -> None:
        """Waits until no call is in progress, or the calls in progress can no longer be answered."""
        with self._changed:
            while self._theirs and not self._ours and heard():
                self._changed.wait(0.5)


def _code(error: UnicodeDecodeError | ValidationError) -> int:
    if isinstance(error, UnicodeDecodeError) or error.errors()[0]["type"] == "json_invalid":
        return PARSE_ERROR
    return INVALID_REQUEST


# An unterminated string runs to the end, so that each character is read once.
_TOKENS = re.compile(rb'("(?:[^"\\]|\\.?)*+(?:"|$))|([{\[])|([}\]])|(:)|([^\s"{}\[\]:,]++)|,', re.DOTALL)


def id_in(line: bytes) -> str | int | None:
    """The id of a request that cannot be parsed, if it can be found; None for an answer to a request of ours."""
    depth, last, key, found = 0, b"", b"", None
    for token in _TOKENS.finditer(line[:_LONGEST_SEARCHED]):
        text, opens, closes, colon, word = token.groups()
        depth += bool(opens) - bool(closes)
        if depth != 1 or opens or closes:
            continue
        if colon and last in {b'"result"', b'"error"'}:
            return None
        value = text or word or b""
        if key == b'"id"' and value:
            found = _id(value)
        key, last = (last, b"") if colon else (b"", value)
    return found


def _id(value: bytes) -> str | int | None:
    if not re.fullmatch(rb'-?\d{1,18}|"[^"\\]{0,200}"', value):
        return None
    with suppress(ValueError):
        read = json.loads(value)
        return read if isinstance(read, str | int) else None
    return None
