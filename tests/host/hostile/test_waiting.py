"""Clients that are slow or say nothing. `hasty` waits 1 second where others wait 10, and holds 40 connections.

Upper bounds allow for a busy machine: they only show that the wait ends at all.
"""

import json
import socket
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from select import select
from typing import Any

import pytest

HEAD = b"POST /api/free HTTP/1.1\r\nHost: h\r\nContent-Type: multipart/form-data; boundary=b\r\n"
LONG = HEAD + b"Content-Length: 100000\r\n\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
PART = b'--b\r\nContent-Disposition: form-data; name="image"\r\n\r\n'
END = b"\r\n--b--\r\n"
HEALTHZ = b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"
STALLED = 1.3  # seconds: a tenth of the 8 that a body may fall behind at `roomy`, and some more


@dataclass(frozen=True)
class Slow:
    """Sends `begun`, then `more` twenty times a second, to keep the connection."""

    begun: bytes
    more: bytes = b""


HEADS = {
    "nothing": (Slow(b""), None),
    "a blank line": (Slow(b"\r\n"), "too_slow"),
    "a method": (Slow(b"GET "), "too_slow"),
    "half a header": (Slow(b"GET / HTTP/1.1\r\nX: "), "too_slow"),
    "a header, byte by byte": (Slow(b"GET / HTTP/1.1\r\nX: ", b"a"), "too_slow"),
    "header after header": (Slow(b"GET / HTTP/1.1\r\n", b"X: a\r\n"), "too_slow"),
    "blank lines": (Slow(b"", b"\r\n"), "too_slow"),
}
BODIES = {
    "nothing": (Slow(LONG), "too_slow"),
    "byte by byte": (Slow(LONG + PART, b"a"), "too_slow"),
    "chunks of a byte": (Slow(CHUNKED + b"%x\r\n%s\r\n" % (len(PART), PART), b"1\r\na\r\n"), "too_slow"),
    "an endless chunk extension": (Slow(CHUNKED + b"1;x=", b"a"), "too_slow"),
    "an endless chunk size": (Slow(CHUNKED, b"0"), "too_slow"),
    "trailers without end": (Slow(CHUNKED + b"0\r\n", b"X: a\r\n"), "too_slow"),
    "after a 100": (Slow(LONG.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n") + PART, b"a"), "too_slow"),
    "json": (Slow(LONG.replace(b"multipart/form-data; boundary=b", b"application/json"), b" "), "too_slow"),
}


def outcome(host: Any, slow: Slow) -> tuple[str | None, bool]:
    """The code of the answer, and whether it came in time: not before, and while it was still being sent to."""
    start = time.monotonic()
    client = host.client()
    client.send(slow.begun)
    while slow.more and not select([client.socket], [], [], 0.05)[0] and time.monotonic() - start < 20:
        client.send(slow.more)
    answer = client.answer()
    return answer and answer.code, 0.9 < time.monotonic() - start < 20


@pytest.mark.parametrize("cases", [HEADS, BODIES], ids=["heads", "bodies"])
def test_a_slow_client_is_refused_in_time_whatever_it_keeps_sending(
    hasty_host: Any, cases: dict[str, tuple[Slow, str | None]]
):
    with ThreadPoolExecutor(len(cases)) as pool:
        answers = pool.map(partial(outcome, hasty_host), (slow for slow, _ in cases.values()))
    assert dict(zip(cases, answers, strict=True)) == {name: (code, True) for name, (_, code) in cases.items()}


def test_the_time_limit_holds_for_a_second_requests_head_too(hasty_host: Any):
    client = hasty_host.client()
    client.send(b"GET /nothing.png HTTP/1.1\r\nHost: h\r\n\r\n")
    assert client.answer().status == 404
    client.send(b"\r\n")
    assert client.answer().code == "too_slow"
    assert client.ended()


def test_a_stalled_body_is_refused_with_a_reason_and_not_waited_for(hasty_host: Any):
    client = hasty_host.client()
    client.send(LONG + PART)
    answer, start = client.answer(), time.monotonic()
    assert (client.ended(), time.monotonic() - start < 8) == (True, True)  # a body that is only discarded has 10
    assert (answer.status, answer.headers["connection"], json.loads(answer.body)) == (
        408,
        "close",
        {
            "error": "too_slow",
            "message": "The body was too slow: it may fall at most 1 s behind 500 bytes a second. Send it again.",
        },
    )


def test_a_slow_but_steady_body_is_accepted(steady: Any, picture_of: Callable[..., bytes]):
    """It takes longer in all than a stall may last."""
    body = PART + picture_of(100, 100, padding=5000) + END
    client, start = steady.client(), time.monotonic()
    client.send(HEAD + b"Content-Length: %d\r\n\r\n" % len(body))
    pieces = [body[at : at + 300] for at in range(0, len(body), 300)]
    for piece in pieces:
        assert not select([client.socket], [], [], 0.25)[0]
        client.send(piece)
    assert client.answer().status == 200
    assert time.monotonic() - start > 4
    steady.leave()


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nX: "], ids=["nothing", "half-a-head"])
def test_three_hundred_silent_connections_make_room_for_a_good_request(host: Any, said: bytes):
    for _ in range(300):
        host.client().send(said)
    answer = host.client()
    answer.send(HEALTHZ)
    assert answer.answer().status == 200


@pytest.mark.skipif(sys.platform != "linux", reason="only there is all of 127.0.0.0/8 this machine")
def test_where_all_connections_are_busy_the_next_is_asked_to_retry(hosts: Callable[..., Any]):
    """Eight connections, two for each address, and 10 seconds until a body counts as stalled."""
    host = hosts(IMG402_HOST_CONNECTIONS="8", IMG402_HOST_BODY_SECONDS="100", IMG402_HOST_TRUSTED_PROXIES="127.0.0.9")
    outcome = []
    for source in ("127.0.0.1", "127.0.0.1", "127.0.0.1", *(f"127.0.0.{last}" for last in (2, 2, 3, 3, 4, 4, 5, 9))):
        client = host.client(source)
        client.send(HEAD + b"Content-Length: 1000\r\nExpect: 100-continue\r\n\r\n")
        outcome.append((source[-1], client.socket.recv(4096).decode().partition("\r\n")[0]))
    refused = "HTTP/1.1 503 Refused"
    assert [it for it in outcome if it[1] != "HTTP/1.1 100 Continue"] == [
        ("1", refused),
        ("5", refused),
        ("9", refused),
    ]


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        pytest.param(LONG, (503, "busy"), id="a-head"),
        pytest.param(LONG + PART, (503, "busy"), id="the-first-part"),
        pytest.param(CHUNKED + b"1;x=", (503, "busy"), id="half-a-chunk-size"),
        pytest.param(LONG.replace(b"/api/free", b"/nowhere"), (405, "method_not_allowed"), id="answered-already"),
    ],
)
def test_stalled_bodies_make_room_before_their_time_limit(roomy: Any, said: bytes, outcome: tuple[int, str]):
    first = roomy.client()
    first.send(said)
    assert roomy.asked(HEALTHZ).status == 200  # by then the host has the first one's head
    for _ in range(39):
        roomy.client().send(said)
    select([], [], [], STALLED)
    answer, evicted = roomy.asked(HEALTHZ), first.answer()
    assert (answer.status, evicted.status, evicted.code, first.answer()) == (200, *outcome, None)
    roomy.leave()


def test_an_idle_connection_is_closed_for_a_new_one(host: Any):
    clients = list[Any]()
    for _ in range(41):
        clients.append(client := host.client())
        client.send(b"GET /nothing.png HTTP/1.1\r\nHost: h\r\n\r\n")
        assert client.answer().status == 404
    assert clients[0].ended()
    assert not select([client.socket for client in clients[1:]], [], [], 0)[0]


def still_there(client: Any, host: Any) -> None:
    """Sends blank lines, which are not requests, until the server no longer reads them."""
    start = time.monotonic()
    while time.monotonic() - start < 20:
        client.socket.send(b"\r\n")
        host.asked(HEALTHZ)


def test_a_client_that_does_not_read_the_answers_is_dropped(
    hasty: Any, upload_request: Callable[..., bytes], picture_of: Callable[..., bytes]
):
    url = json.loads(hasty.asked(upload_request(picture_of(100, 100, padding=900_000))).body)["url"]
    client = hasty.client()
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.send(f"GET /{url.rpartition('/')[2]} HTTP/1.1\r\nHost: h\r\n\r\n".encode() * 15)
    with pytest.raises(OSError, match="reset|Broken pipe"):
        still_there(client, hasty)
    hasty.leave()


def test_a_client_that_reads_slowly_but_steadily_gets_everything(
    steady: Any, upload_request: Callable[..., bytes], picture_of: Callable[..., bytes]
):
    """Eleven megabytes of answers, which take longer in all than a reader may stall."""
    image = picture_of(100, 100, padding=900_000)
    url = json.loads(steady.asked(upload_request(image)).body)["url"]
    client, start = steady.client(), time.monotonic()
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    client.send(f"GET /{url.rpartition('/')[2]} HTTP/1.1\r\nHost: h\r\n\r\n".encode() * 12)
    for _ in range(12):
        assert client.answer().body == image
        select([], [], [], 0.35)  # the pace is what is tested
    assert time.monotonic() - start > 4
    steady.leave()
