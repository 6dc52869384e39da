"""A line of the log is JSON and one line, whatever a stranger writes into a request."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import takewhile
from subprocess import PIPE

import pytest

HOSTILE = 'a"b\\c\r\nd\x1b[31m\u202e\x7f\u2028}{"status": 1'
# In a process of its own, since the log takes over all loggers of one. Each field that a line has is `hostile` once:
# for each request that it reads, it logs one, and ends with an empty line.
PROGRAM = """
import json, logging, sys
from ipaddress import ip_network
import anyio
from img402_mcp.host.errors import problem
from img402_mcp.host.observability import access_log
from img402_mcp.host.observability.telemetry import Telemetry

access_log.write_to(sys.stdout)

async def app(scope, receive, send):
    logging.getLogger("uvicorn.error").warning("%s", scope["state"])
    await problem(400, "bad", "no")(scope, receive, send)

async def nothing(message):
    pass

def scope(field, hostile):
    made = {"type": "http", "method": "GET", "path": "/", "client": ("127.0.0.1", 1), "headers": [], "state": hostile}
    if field in ("x-forwarded-for", "x-request-id", "host", "user-agent"):
        made["headers"] = [(field.encode(), hostile.encode())]
    elif field == "peer":
        made["client"] = (hostile, 1)
    elif field == "query":
        made["query_string"] = hostile.encode()
    else:
        made[field] = hostile
    return made

trusted = (ip_network("127.0.0.1"), ip_network("fe80::/10"))
for line in sys.stdin:
    anyio.run(Telemetry(app, trusted, None), scope(*json.loads(line)), None, nothing)
    access_log.flush()
    print(flush=True)
"""


@pytest.fixture(scope="module")
def lines() -> Iterator[Callable[[str, str], list[dict[str, object]]]]:
    """`lines(field, hostile)`: what the log holds of that request."""
    program = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(program, stdin=PIPE, stdout=PIPE, text=True, encoding="utf-8") as process:

        def logged(field: str, hostile: str) -> list[dict[str, object]]:
            process.stdin.write(json.dumps([field, hostile]) + "\n")
            process.stdin.flush()
            written = [*takewhile("\n".__ne__, process.stdout or ())]
            assert "".join(written).isascii()
            return [json.loads(line) for line in written]

        yield logged
        process.stdin.close()
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("field", "hostile", "logged"),
    [
        pytest.param("path", HOSTILE, {"path": HOSTILE}, id="path"),
        pytest.param("path", "\udcff" + HOSTILE, {"path": "\udcff" + HOSTILE}, id="path-that-is-no-text"),
        pytest.param("method", HOSTILE, {"method": HOSTILE}, id="method"),
        pytest.param("query", HOSTILE, {"path": "/"}, id="query"),
        pytest.param("peer", HOSTILE, {"client": "unknown"}, id="peer"),
        pytest.param("peer", f"fe80::1%{HOSTILE}", {"client": "fe80::1"}, id="zone-of-the-peer"),
        pytest.param("x-forwarded-for", HOSTILE, {"client": "127.0.0.1"}, id="forwarded-for"),
        pytest.param("x-forwarded-for", 'fe80::1%"', {"client": "fe80::1"}, id="zone-with-a-quote"),
        pytest.param("x-forwarded-for", 'fe80::1%",evil', {"client": "127.0.0.1"}, id="zone-with-a-comma"),
        pytest.param("x-forwarded-for", "fe80::1%\\", {"client": "fe80::1"}, id="zone-with-a-backslash"),
        pytest.param("x-forwarded-for", f"fe80::1%{'z' * 5000}", {"client": "fe80::1"}, id="zone-of-5000"),
        pytest.param("x-request-id", HOSTILE, {}, id="request-id"),
        pytest.param("x-request-id", "a" * 65, {}, id="long-request-id"),
        pytest.param("host", HOSTILE, {}, id="host"),
        pytest.param("user-agent", HOSTILE, {}, id="user-agent"),
    ],
)
def test_a_line_of_the_log_is_json_whatever_a_request_says(
    lines: Callable[[str, str], list[dict[str, object]]], field: str, hostile: str, logged: dict[str, object]
):
    complaint, request = lines(field, hostile)
    assert complaint == {
        "time": complaint["time"],
        "level": "warning",
        "logger": "uvicorn.error",
        "message": hostile,
        "request_id": request["request_id"],
    }
    usual = {"method": "GET", "path": "/", "status": 400, "client": "127.0.0.1", "error": "bad"}
    varying = {name: request[name] for name in ("time", "bytes", "ms", "request_id")}
    assert request == {**usual, **varying, **logged}
    assert (str(request["request_id"]).isalnum(), len(str(request["request_id"]))) == (True, 16)
