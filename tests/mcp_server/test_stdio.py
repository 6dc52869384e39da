"""MCP over stdin and stdout: each request gets an answer, even one that cannot be read."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import anyio
import pytest

from img402_mcp.mcp_server.stdio import MAX_LINE_BYTES, Wire, id_in

PROGRAM = [sys.executable, "-m", "img402_mcp"]
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": "hello",
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
}
INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}
HANDSHAKE = b"".join(json.dumps(each).encode() + b"\n" for each in (INITIALIZE, INITIALIZED))


def environment(tmp_path) -> dict[str, str]:
    state = str(tmp_path / "state")
    return os.environ | {"IMG402_ALLOW_DIRS": str(tmp_path), "IMG402_STATE_DIR": state, "IMG402_VERIFY": "off"}


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[subprocess.Popen[bytes]]:
    folder = tmp_path_factory.mktemp("shots")
    with subprocess.Popen(
        PROGRAM, env=environment(folder), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        try:
            process.stdin.write(HANDSHAKE)
            process.stdin.flush()
            process.stdout.readline()
            yield process
        finally:
            process.kill()


DEEP = b"[" * 100_000 + b"]" * 100_000
REQUEST = b'{"jsonrpc":"2.0","id":7,"method":"ping","params":%b}'


@pytest.mark.parametrize(
    ("line", "code", "number"),
    [
        pytest.param(REQUEST % rb'{"a":"\ud800"}', -32700, 7, id="lone-surrogate"),
        pytest.param(REQUEST % rb'{"a":"\udc00\ud800"}', -32700, 7, id="surrogates-the-wrong-way-round"),
        pytest.param(REQUEST % b'{"a":"\xed\xa0\x80"}', -32700, 7, id="surrogate-as-bytes"),
        pytest.param(REQUEST % b'{"a":"\xff"}', -32700, 7, id="not-utf-8"),
        pytest.param(REQUEST % (b'{"a":%b}' % DEEP), -32700, 7, id="too-deep"),
        pytest.param(b'{"method":"ping","params":{"a":%b},"jsonrpc":"2.0","id":7}' % DEEP, -32700, 7, id="id-last"),
        pytest.param(b'{"jsonrpc":"2.0","id":7,"method":"pi', -32700, 7, id="broken-off"),
        pytest.param(b'{"jsonrpc":"2.0","id":"x', -32700, None, id="broken-off-in-its-id"),
        pytest.param(b"\xef\xbb\xbf" + REQUEST % b"{}", -32700, 7, id="byte-order-mark"),
        pytest.param((REQUEST % b"{}").decode().encode("utf-16"), -32700, None, id="utf-16"),
        pytest.param(REQUEST % b"{}" + b"}", -32700, 7, id="one-brace-more"),
        pytest.param(REQUEST % (b'{"a":"%b"}' % (b"x" * MAX_LINE_BYTES)), -32700, 7, id="too-long"),
        pytest.param(b"ping", -32700, None, id="no-json"),
        pytest.param(b"Content-Length: 52", -32700, None, id="a-header-as-of-lsp"),
        pytest.param(b"[%b]" % (REQUEST % b"{}"), -32600, None, id="batch"),
        pytest.param(b'{"id":7,"method":"ping"}', -32600, 7, id="no-version"),
        pytest.param(b'{"jsonrpc":"1.0","id":7,"method":"ping"}', -32600, 7, id="another-version"),
        pytest.param(b'{"jsonrpc":"2.0","id":7}', -32600, 7, id="no-method"),
        pytest.param(REQUEST % b"[1]", -32600, 7, id="params-in-a-list"),
        pytest.param(b'{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600, None, id="null-for-its-id"),
        pytest.param(b'{"jsonrpc":"2.0","id":1.5,"method":"ping"}', -32600, None, id="half-for-its-id"),
        pytest.param(b'{"jsonrpc":"2.0","id":true,"method":"ping"}', -32600, None, id="truth-for-its-id"),
        pytest.param(b'{"jsonrpc":"2.0","id":7,"result":5}', -32600, None, id="an-answer-that-is-none"),
        pytest.param(b"7", -32600, None, id="number"),
    ],
)
def test_what_cannot_be_read_is_answered_and_the_next_request_too(server, line, code, number):
    server.stdin.write(line + b"\n\n" + b'{"jsonrpc":"2.0","id":"next","method":"ping"}\n')
    server.stdin.flush()
    answers = [server.stdout.readline() for _ in range(2)]
    refused, following = map(json.loads, answers)
    assert (refused["id"], refused["error"]["code"]) == (number, code)
    assert following == {"jsonrpc": "2.0", "id": "next", "result": {}}
    assert b"\r" not in b"".join(answers)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (b'{"params":{"id":1},"id":2,', 2),
        (b'{"params":"\\"id\\":1","id":"two"', "two"),
        (b'{"a":[{"id":1}],"id":-3}', -3),
        (b'{"id" : 4 , "x', 4),
        (b'{"id":"' + b"x" * 300 + b'"}', None),
        (b'{"id":{"id":5}}', None),
        (b'{"id":1e5}', None),
        (b'{"result":{},"id":6}', None),
        (b'{"id":6,"error":{', None),
        (b'"id":7', None),
        (b'{"id":8,"x":"' + b'\\"' * 500_000, 8),
        (b"\\" * 500_000, None),
    ],
)
def test_an_id_is_found_where_it_can_be_seen(line, found):
    assert id_in(line) == found


@contextmanager
def piped() -> Iterator[tuple[Wire, int, int]]:
    """A stdio server in this process, the end to write requests to, and the one to read answers from."""
    source, requests = os.pipe()
    answers, sink = os.pipe()
    try:
        yield Wire(source, sink), requests, answers
    finally:
        for each in (source, sink, answers):
            os.close(each)


def call(number: int, method: str = "tools/call") -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": method}).encode() + b"\n"


def test_the_end_of_the_input_waits_for_the_call_that_is_under_way():
    with piped() as (wire, requests, _):
        os.write(requests, call(1) + call(2))
        os.close(requests)
        assert [json.loads(wire.readline())["id"] for _ in range(2)] == [1, 2]
        ended = threading.Thread(target=wire.readline)
        ended.start()
        wire.write('{"jsonrpc":"2.0","id":2,"result":{}}\n')
        ended.join(0.2)
        assert ended.is_alive()
        wire.write('{"jsonrpc":"2.0","id":1,"result":{}}\n')
        ended.join(5)
        assert not ended.is_alive()


@pytest.mark.parametrize(
    ("requests_read", "written"),
    [
        pytest.param(call(1, "subscriptions/listen"), "", id="a-request-that-stays-open"),
        pytest.param(
            call(1), '{"jsonrpc":"2.0","id":1,"method":"elicitation/create"}\n', id="a-question-nobody-answers"
        ),
        pytest.param(
            call(1) + b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}\n',
            "",
            id="a-cancelled-call",
        ),
    ],
)
def test_the_end_of_the_input_does_not_wait_for_what_cannot_end(requests_read, written):
    with piped() as (wire, requests, _):
        os.write(requests, requests_read)
        os.close(requests)
        for _ in requests_read.splitlines():
            wire.readline()
        if written:
            wire.write(written)
        assert wire.readline() == ""


def test_a_reader_of_stdout_that_is_gone_ends_the_server_in_silence(tmp_path):
    with subprocess.Popen(
        PROGRAM, env=environment(tmp_path), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdin.write(HANDSHAKE)
        process.stdin.flush()
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(10) == 0
        assert process.stderr.read() == b""


@pytest.mark.parametrize("closing", ["<&-", ">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_a_stream_that_is_closed_from_the_start_ends_the_server_silently(tmp_path, closing):
    ran = subprocess.run(
        ["sh", "-c", f'"$0" -m img402_mcp {closing}', sys.executable],
        env=environment(tmp_path),
        input=HANDSHAKE,
        capture_output=True,
        timeout=30,
        check=False,
    )
    answered = [json.loads(line)["id"] for line in ran.stdout.splitlines()]
    assert (ran.returncode, answered, ran.stderr) == (0, ["hello"] if closing == "2>&-" else [], b"")


async def test_a_pipe_gets_the_answer_of_the_call_that_it_ends_with(tmp_path, sample, answering):
    (tmp_path / "a.png").write_bytes(sample("plain.png"))
    came = anyio.Event()

    async def answer_unless_given_up(stream):
        async with stream:
            await stream.receive()
            came.set()
            with anyio.move_on_after(1):  # one that gives up closes the connection
                while await stream.receive():
                    pass
            await stream.send(answering({"url": "http://i.example/a.png"}))

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, answer_unless_given_up)
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        env = environment(tmp_path) | {"IMG402_API_URL": f"http://127.0.0.1:{port}"}
        async with await anyio.open_process(PROGRAM, env=env, stderr=subprocess.DEVNULL) as process:
            params = {"name": "upload_free", "arguments": {"path": str(tmp_path / "a.png")}}
            last = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params}
            await process.stdin.send(HANDSHAKE + json.dumps(last).encode() + b"\n")
            await came.wait()
            await process.stdin.aclose()
            printed = b"".join([piece async for piece in process.stdout])
        tasks.cancel_scope.cancel()
    answers = {answer.get("id"): answer for answer in map(json.loads, printed.splitlines())}
    assert answers[2]["result"]["structuredContent"]["url"] == "http://i.example/a.png"
    assert process.returncode == 0
