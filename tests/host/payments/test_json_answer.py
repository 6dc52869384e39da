"""What facilitators and nodes answer: bounded in time and bytes, never unpacked, and an outcome whatever it is."""

import gzip
import json
from asyncio import StreamReader, StreamWriter, start_server
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import anyio
import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from img402_mcp.host.payments.chain import AUTHORIZATION_USED, Chain
from img402_mcp.host.payments.facilitators.base import Claim, Rejected, Settled, Unknown, Valid
from img402_mcp.host.payments.facilitators.remote import Remote
from img402_mcp.host.payments.json_answer import JsonClient
from img402_mcp.wire import x402
from tests.fakes.keys import ADDRESS, PAYEE

Peers = Callable[..., Awaitable[Any]]
NONCE = "0x" + "ab" * 32
FIELDS = (
    *("isValid", "invalidReason", "success", "errorReason", "transaction", "result", "number", "timestamp"),
    *("topics", "transactionHash", "logs", "logIndex", "address", "data"),
)

PAYLOAD = x402.ExactPayload(
    signature="0x" + "11" * 65,
    authorization=x402.Authorization(
        payer=ADDRESS, to=PAYEE, value=10000, valid_after=0, valid_before=1_770_552_300, nonce=NONCE
    ),
)
CLAIM = Claim(2, x402.BASE, PAYEE, 10000, PAYLOAD, {"x402Version": 2, "the": "proof"}, {"the": "offer"})


@pytest.fixture
async def dripping() -> AsyncIterator[str]:
    """The URL of a peer that sends a byte each 20 ms, for ever."""

    ended = anyio.Event()

    async def drip(reader: StreamReader, writer: StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n")
        with suppress(OSError):
            while not writer.is_closing():
                writer.write(b" ")
                await writer.drain()
                await anyio.sleep(0.02)
        writer.transport.abort()
        ended.set()

    server = await start_server(drip, "127.0.0.1", 0)
    yield "http://{}:{}".format(*server.sockets[0].getsockname())
    server.close()
    await ended.wait()


async def test_a_facilitator_that_drips_is_given_up_in_all(dripping: str):
    remote = Remote(dripping, client=JsonClient(65_536, httpx2.Timeout(10), 0.3))
    with anyio.fail_after(10):
        assert await remote.settle(CLAIM) == Unknown("the facilitator gave no usable answer (TimeoutError)")
    await remote.aclose()


async def test_a_node_that_drips_is_given_up_in_all(dripping: str):
    chain = Chain(dripping, x402.BASE, JsonClient(65_536, httpx2.Timeout(10), 0.3))
    with anyio.fail_after(10):
        outcome = await chain.outcome(CLAIM, datetime.now(UTC))
    assert outcome == Unknown("the chain gave no usable answer (TimeoutError)")
    await chain.aclose()


async def test_no_packed_answer_is_asked_for_and_none_is_unpacked(peers: Peers):
    bomb = gzip.compress(json.dumps({"isValid": True, "result": "0x1"}).encode() + b" " * 10_000_000)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    peer = await peers(head + bomb, head + bomb)
    remote, chain = Remote(peer.url), Chain(peer.url, x402.BASE)
    assert await remote.verify(CLAIM) == Unknown("the facilitator gave no usable answer (ValueError)")
    assert await chain.outcome(CLAIM, datetime.now(UTC)) == Unknown("the chain gave no usable answer (ValueError)")
    await remote.aclose()
    await chain.aclose()
    assert [b"accept-encoding: identity" in request.lower() for request in peer.requests] == [True, True]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just("0x1"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=6),
    max_leaves=20,
)


@settings(max_examples=100)
@given(answers=st.lists(st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=6) | JSON, min_size=5, max_size=5))
async def test_whatever_a_facilitator_or_a_node_answers_is_an_outcome(answers: list[Any]):
    told = iter(answers * 10)

    async def body() -> AsyncIterator[bytes]:
        yield json.dumps(next(told)).encode()

    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, content=body()))
    client = JsonClient(65_536, httpx2.Timeout(10), 10, transport)
    chain = Chain("http://node", x402.BASE, client)
    remote = Remote("http://facilitator", chain, client=client)
    outcomes = [await remote.verify(CLAIM), await remote.settle(CLAIM), await remote.recall(CLAIM, datetime.now(UTC))]
    await remote.aclose()
    assert [type(outcome) in {Valid, Rejected, Settled, Unknown} for outcome in outcomes] == [True] * 3


@pytest.mark.parametrize(
    "log",
    [
        pytest.param({"logIndex": "0x2", "address": 7}, id="an-address-that-is-a-number"),
        pytest.param({"logIndex": "0x2"}, id="no-address"),
        pytest.param([], id="a-list"),
        pytest.param("x", id="a-text"),
    ],
)
async def test_an_odd_log_of_a_node_is_no_usable_answer(log: Any):
    used = {"topics": [AUTHORIZATION_USED], "transactionHash": "0x1", "logIndex": "0x1"}
    told = iter(["0x2105", {"number": "0x1", "timestamp": "0x1"}, "0x1", [used], {"logs": [log]}])

    async def body() -> AsyncIterator[bytes]:
        yield json.dumps({"result": next(told)}).encode()

    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, content=body()))
    chain = Chain("http://node", x402.BASE, JsonClient(65_536, httpx2.Timeout(10), 10, transport))
    outcome = await chain.outcome(CLAIM, datetime.now(UTC))
    await chain.aclose()
    assert str(outcome).startswith("Unknown(reason='the chain gave no usable answer (")
