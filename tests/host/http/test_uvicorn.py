"""What of uvicorn's insides the host builds on, so that a newer one that changed them says which.

Where this is red: read the changes of those members, see that `connection.py` and `draining.py` still fit, then write
the new fingerprints here and the new version into pyproject.toml.
"""

import ast
import asyncio
import re
import socket
from hashlib import sha256
from inspect import getsource
from pathlib import Path

from starlette.types import Receive, Scope, Send
from uvicorn import Config, Server, __version__
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

PYPROJECT = Path(__file__).parents[3] / "pyproject.toml"
OWNERS = (HttpToolsProtocol, RequestResponseCycle, FlowControl, Server, ServerState)
# Overridden, called, or the ones that make and change the attributes below.
KNOWN = {
    "HttpToolsProtocol.__init__": "d5fa7df7",
    "HttpToolsProtocol.connection_made": "90cf013e",
    "HttpToolsProtocol.connection_lost": "c5567cca",
    "HttpToolsProtocol.data_received": "4344ff85",
    "HttpToolsProtocol.on_message_begin": "8b027723",
    "HttpToolsProtocol.on_header": "a5fcba10",
    "HttpToolsProtocol.on_headers_complete": "c713423e",
    "HttpToolsProtocol.on_body": "f10f5777",
    "HttpToolsProtocol.on_message_complete": "ca6a0254",
    "HttpToolsProtocol.on_response_complete": "ca5f13da",
    "HttpToolsProtocol.timeout_keep_alive_handler": "e9a4938c",
    "HttpToolsProtocol.pause_writing": "0e8416be",
    "HttpToolsProtocol.send_400_response": "62719a7b",
    "RequestResponseCycle.__init__": "5a7283a0",
    "RequestResponseCycle.send": "1353b437",
    "RequestResponseCycle.receive": "b717688f",
    "FlowControl.__init__": "c6292bd7",
    "FlowControl.pause_writing": "a5e902f8",
    "FlowControl.resume_writing": "d13568dc",
    "Server.handle_exit": "35e5b7e7",
    "ServerState.__init__": "4d20f33f",
}
OF_A_CONNECTION = (
    *("client", "connections", "cycle", "flow", "headers", "loop", "parser", "pipeline", "scope", "server_state"),
    *("timeout_keep_alive_task", "transport", "url"),
)
OF_A_REQUEST = (
    *("body", "disconnected", "keep_alive", "message_event", "more_body", "response_complete", "response_started"),
    "waiting_for_100_continue",
)


def fingerprint(name: str) -> str:
    """Of a member as it is written, since other packages put their own in its place; "gone" where it is not."""
    owner, _, member = name.partition(".")
    text = getsource(next(each for each in OWNERS if each.__name__ == owner))
    members = {
        each.name: each
        for each in ast.walk(ast.parse(text))
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    found = members.get(member)
    return sha256(str(ast.get_source_segment(text, found)).encode()).hexdigest()[:8] if found else "gone"


def test_the_members_that_the_host_builds_on_are_as_they_were_read():
    changed = [name for name, known in KNOWN.items() if fingerprint(name) != known]
    assert changed == [], f"uvicorn {__version__} has changed them"


async def test_the_attributes_that_the_host_reads_and_sets_are_there():
    asked, end = asyncio.Event(), asyncio.Event()

    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        asked.set()
        await end.wait()

    config, (ours, theirs) = Config(app, log_config=None), socket.socketpair()
    config.load()
    connection = HttpToolsProtocol(config, ServerState(), {}, asyncio.get_running_loop())
    await asyncio.get_running_loop().connect_accepted_socket(lambda: connection, ours)
    with theirs:
        theirs.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        await asked.wait()
        missing = [name for name in OF_A_CONNECTION if not hasattr(connection, name)]
        missing += [name for name in OF_A_REQUEST if not hasattr(connection.cycle, name)]
        assert (missing, connection.flow.write_paused, connection.server_state.default_headers) == ([], False, [])
        connection.transport.abort()
        end.set()
        await asyncio.gather(*connection.tasks)


def test_only_the_version_that_was_read_is_installed():
    (pinned,) = re.findall(r'"uvicorn~=(\d+\.\d+)\.\d+"', PYPROJECT.read_text(encoding="utf-8"))
    assert __version__.startswith(f"{pinned}.")
