"""The HTTP client against a peer that answers with arbitrary bytes."""

import gzip
import json
import tracemalloc

import anyio
import pytest
from anyio.abc import SocketAttribute

from img402_mcp.client.http import ANSWER_LIMIT, PIECE, Request, Response, retrying, sending
from img402_mcp.errors import AnswerLost, BadAnswer, NotReached, UploadFailed


async def test_a_request_arrives_as_it_was_built(peers, answering):
    peer = await peers(answering(b"fine", X_Kind="test"))
    async with sending() as send:
        answer = await send(Request("POST", f"{peer.url}/api/free", {"X-Field": "1"}, (b"head ", b"middle ", b"tail")))
    head, _, body = peer.requests[0].partition(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    assert (answer.status, answer.body, answer.headers["x-kind"]) == (200, b"fine", "test")
    assert body == b"head middle tail"
    assert lines[0] == "post /api/free http/1.1"
    assert {"x-field: 1", "content-length: 16", "accept-encoding: identity"} <= {*lines}


async def test_progress_counts_every_byte_handed_to_the_network(peers, answering):
    peer = await peers(answering(b"fine"))
    reported = []

    async def on_sent(sent: int) -> None:
        reported.append(sent)

    async with sending() as send:
        await send(Request("POST", peer.url, body=(b"x", bytes(PIECE * 2 + 5)), on_sent=on_sent))
    assert reported == [1, 1 + PIECE, 1 + 2 * PIECE, 1 + 2 * PIECE + 5]


async def test_a_redirect_is_an_answer_and_never_followed(peers, answering):
    other = await peers(answering(b"stolen"))
    peer = await peers(answering(b"", 307, Location=f"{other.url}/api/free"))
    async with sending() as send:
        answer = await send(Request("POST", peer.url, {"X-Upload-Token": "secret"}, (b"image",)))
    assert (answer.status, other.requests) == (307, [])


@pytest.mark.parametrize(
    ("answer", "error", "sentence"),
    [
        pytest.param(None, AnswerLost, "{where} closed the connection before answering (", id="no-answer"),
        pytest.param(
            b"SSH-2.0-OpenSSH_9\r\n",
            AnswerLost,
            "{where} closed the connection before answering (",
            id="another-protocol",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
            AnswerLost,
            "{where} closed the connection before answering (",
            id="cut-off",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: 10485760\r\n\r\n" + bytes(10_485_760),
            BadAnswer,
            "{where} answered with more than 1,048,576 bytes; the rest was not read.",
            id="ten-megabytes",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n"
            + gzip.compress(bytes(50_000_000)),
            BadAnswer,
            "{where} answered in a compressed form that was not requested; it was not decompressed.",
            id="gzip-bomb",
        ),
    ],
)
async def test_an_invalid_answer_becomes_one_sentence(peers, answer, error, sentence):
    peer = await peers(answer)
    tracemalloc.start()
    with pytest.raises(error) as caught:
        async with sending() as send:
            await send(Request("POST", peer.url))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert str(caught.value).startswith(sentence.format(where=peer.url.removeprefix("http://")))
    assert peak < 4 * ANSWER_LIMIT


@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"], ids=["silent", "stalled"])
async def test_a_peer_that_stops_sending_is_not_waited_for(first):
    async def fall_silent(stream):
        async with stream:
            await stream.send(first)
            await anyio.sleep_forever()

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, fall_silent)
        where = f"127.0.0.1:{listener.extra(SocketAttribute.local_port)}"
        async with sending(answer_timeout=0.5) as send:
            with pytest.raises(AnswerLost, match=f"^{where} did not answer in time"):
                await send(Request("POST", f"http://{where}/"))
        tasks.cancel_scope.cancel()


async def test_a_peer_that_sends_drop_by_drop_is_not_waited_for():
    async def drip(stream):
        async with stream:
            while True:
                await stream.send(b"HTTP/1.1 103 Early Hints\r\n\r\n")
                await anyio.sleep(0.05)

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, drip)
        where = f"127.0.0.1:{listener.extra(SocketAttribute.local_port)}"
        async with sending(answer_timeout=0.5) as send:
            with pytest.raises(AnswerLost, match=f"^{where} did not answer in time"):
                await send(Request("POST", f"http://{where}/"))
        tasks.cancel_scope.cancel()


async def test_an_api_on_this_machine_is_reached_without_the_proxy(monkeypatch, peers, answering):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    peer = await peers(answering(b"fine"))
    async with sending() as send:
        assert (await send(Request("GET", peer.url))).status == 200


async def test_a_refused_connection_reports_that_nothing_was_sent(peers):
    async with sending() as send:
        with pytest.raises(
            NotReached, match=r"^127\.0\.0\.1:9 could not be reached \(.+\); nothing was sent\. Is the network up"
        ):
            await send(Request("POST", "http://127.0.0.1:9/api/free"))


class Scripted:
    """A Send that answers from a list and records the requests."""

    def __init__(self, *answers: int | UploadFailed) -> None:
        self._answers = iter(answers)
        self.requests: list[Request] = []
        self.pauses: list[float] = []

    async def send(self, request: Request) -> Response:
        self.requests.append(request)
        answer = next(self._answers)
        if isinstance(answer, UploadFailed):
            raise answer
        return Response(answer, {}, json.dumps(answer).encode())

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)


@pytest.mark.parametrize(
    ("answers", "status", "pauses"),
    [
        pytest.param((200,), 200, [], id="at-once"),
        pytest.param((400,), 400, [], id="a-refusal-is-final"),
        pytest.param((429,), 429, [], id="a-cap-is-final"),
        pytest.param((500, 200), 200, [0.5], id="second-try"),
        pytest.param((AnswerLost(), 503, 200), 200, [0.5, 1.5], id="third-try"),
        pytest.param((500, 502, 500), 500, [0.5, 1.5], id="three-tries-in-all"),
    ],
)
async def test_the_same_request_is_sent_again_after_a_fault_of_the_server(answers, status, pauses):
    peer = Scripted(*answers)
    request = Request("POST", "http://api/free", body=(b"image",))
    answer = await retrying(peer.send, peer.pause)(request)
    assert (answer.status, peer.pauses) == (status, pauses)
    assert all(sent is request for sent in peer.requests)


async def test_the_last_failure_is_reported_when_no_try_succeeds():
    peer = Scripted(NotReached("one"), NotReached("two"), AnswerLost("three"))
    with pytest.raises(AnswerLost, match="^three$"):
        await retrying(peer.send, peer.pause)(Request("POST", "http://api/free"))


def test_a_request_shows_neither_its_headers_nor_its_body():
    assert "secret" not in repr(Request("POST", "http://api", {"X-Upload-Token": "secret"}, (b"secret",)))
