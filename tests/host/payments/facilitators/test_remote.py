"""A facilitator given by URL: what is sent, and what each answer means. The peers are real sockets."""

import json
import socket
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from img402_mcp.host.payments.chain import AUTHORIZATION_CANCELED, AUTHORIZATION_USED, TRANSFER, Chain
from img402_mcp.host.payments.facilitators.base import Claim, Rejected, Settled, Unknown, Valid
from img402_mcp.host.payments.facilitators.remote import ANSWER_LIMIT, Remote, refusal
from img402_mcp.host.payments.json_answer import JsonClient
from img402_mcp.wire import x402
from tests.fakes.keys import ADDRESS, PAYEE

Peers = Callable[..., Awaitable[Any]]
Answering = Callable[..., bytes]
NONCE = "0x" + "ab" * 32
NO_SENSE = Unknown("the facilitator's answer makes no sense")

PAYLOAD = x402.ExactPayload(
    signature="0x" + "11" * 65,
    authorization=x402.Authorization(
        payer=ADDRESS, to=PAYEE, value=10000, valid_after=0, valid_before=1_770_552_300, nonce=NONCE
    ),
)
CLAIM = Claim(2, x402.BASE, PAYEE, 10000, PAYLOAD, {"x402Version": 2, "the": "proof"}, {"the": "offer"})


def unusable(kind: str) -> Unknown:
    return Unknown(f"the facilitator gave no usable answer ({kind})")


async def test_it_is_asked_as_the_specification_says(peers: Peers, answering: Answering):
    peer = await peers(
        answering({"isValid": True, "payer": ADDRESS}), answering({"success": True, "transaction": "0x1"})
    )
    remote = Remote(f"{peer.url}/x402/", authorize=_authorize)
    assert (await remote.verify(CLAIM), await remote.settle(CLAIM)) == (Valid(), Settled("0x1"))
    await remote.aclose()
    assert [request.split(b" HTTP")[0] for request in peer.requests] == [b"POST /x402/verify", b"POST /x402/settle"]
    for request in peer.requests:
        head, _, body = request.partition(b"\r\n\r\n")
        assert b"authorization: bearer for post" in head.lower()
        assert json.loads(body) == {
            "x402Version": 2,
            "paymentPayload": {"x402Version": 2, "the": "proof"},
            "paymentRequirements": {"the": "offer"},
        }


async def _authorize(method: str, url: str) -> Mapping[str, str]:
    return {"Authorization": f"Bearer for {method} {url}"}


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        pytest.param({"isValid": True}, Valid(), id="valid"),
        pytest.param(
            {"isValid": False, "invalidReason": "insufficient_funds"}, Rejected("insufficient_funds"), id="no-funds"
        ),
        pytest.param(
            {"isValid": False, "invalidReason": "invalid_exact_evm_nonce_already_used"},
            Rejected("invalid_exact_evm_nonce_already_used", used=True),
            id="used",
        ),
        pytest.param(
            {"isValid": False, "invalidReason": "unexpected_verify_error"},
            Unknown("unexpected_verify_error"),
            id="unexpected",
        ),
        pytest.param({"isValid": False}, NO_SENSE, id="no-reason"),
        pytest.param({"isValid": "true"}, NO_SENSE, id="text-for-true"),
        pytest.param({"success": True}, NO_SENSE, id="another-answer"),
        pytest.param({"detail": "x"}, NO_SENSE, id="an-error-of-a-framework"),
        pytest.param(b"[]", unusable("ValueError"), id="a-list"),
        pytest.param(b"<html>", unusable("JSONDecodeError"), id="html"),
        pytest.param(b" " * (ANSWER_LIMIT + 1), unusable("ValueError"), id="huge"),
        pytest.param(None, unusable("RemoteProtocolError"), id="broken-off"),
    ],
)
async def test_what_an_answer_to_verify_means(peers: Peers, answering: Answering, answer: Any, verdict: object):
    peer = await peers(None if answer is None else answering(answer))
    remote = Remote(peer.url)
    assert await remote.verify(CLAIM) == verdict
    await remote.aclose()


@pytest.mark.parametrize("status", [200, 400, 402, 412, 500])
@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        pytest.param({"success": True, "transaction": "0x1"}, Settled("0x1"), id="settled"),
        pytest.param(
            {"success": False, "errorReason": "insufficient_funds", "transaction": ""},
            Rejected("insufficient_funds"),
            id="refused",
        ),
        pytest.param(
            {"success": False, "errorReason": "settlement_pending", "transaction": "0x1"},
            Unknown("settlement_pending"),
            id="pending",
        ),
        pytest.param(
            {"success": False, "errorReason": "insufficient_funds", "transaction": "0x1"},
            Unknown("insufficient_funds"),
            id="refused-with-a-transaction",
        ),
        pytest.param({"success": 1, "transaction": "0x1"}, NO_SENSE, id="number-for-true"),
    ],
)
async def test_an_answer_to_settle_means_the_same_under_any_status(
    peers: Peers, answering: Answering, status: int, answer: Any, outcome: object
):
    peer = await peers(answering(answer, status))
    remote = Remote(peer.url)
    assert await remote.settle(CLAIM) == outcome
    await remote.aclose()


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [
        *(
            pytest.param(reason, Rejected(reason, used=True), id=reason)
            for reason in ("invalid_exact_evm_nonce_already_used", "FiatTokenV2: authorization is used or canceled")
        ),
        *(
            pytest.param(reason, Rejected(reason), id=reason)
            for reason in (
                "insufficient_funds",
                "invalid_exact_evm_insufficient_balance",
                "invalid_exact_evm_payload_authorization_valid_before",
                "invalid_exact_evm_payload_signature",
                "invalid_network",
                "invalid_payload",
            )
        ),
        *(
            pytest.param(reason, Unknown(reason), id=reason)
            for reason in (
                "invalid_transaction_state",
                "invalid_exact_evm_transaction_failed",
                "invalid_exact_evm_transaction_simulation_failed",
                "invalid_exact_evm_failed_to_get_receipt",
                "unexpected_settle_error",
                "settlement_pending",
                "some new word",
            )
        ),
        pytest.param("", Unknown("the facilitator gave no reason"), id="none"),
    ],
)
def test_only_a_conclusive_reason_is_a_refusal(reason: str, outcome: object):
    assert refusal(reason) == outcome


async def test_redirects_are_not_followed(peers: Peers, answering: Answering):
    elsewhere = await peers(answering({"isValid": True}))
    peer = await peers(answering(b"", 307, Location=f"{elsewhere.url}/verify"))
    remote = Remote(peer.url)
    assert await remote.verify(CLAIM) == unusable("JSONDecodeError")
    await remote.aclose()
    assert elsewhere.requests == []


async def test_a_deeply_nested_answer_does_no_harm(peers: Peers, answering: Answering):
    peer = await peers(answering(b"[" * 60_000))
    remote = Remote(peer.url)
    assert isinstance(await remote.verify(CLAIM), Unknown)
    await remote.aclose()


async def test_a_facilitator_that_hangs_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        remote = Remote(
            f"http://127.0.0.1:{silent.getsockname()[1]}", client=JsonClient(100, httpx2.Timeout(20, read=0.1), 20)
        )
        assert await remote.settle(CLAIM) == unusable("ReadTimeout")
        await remote.aclose()


async def test_without_a_node_earlier_settlements_are_not_known():
    remote = Remote("http://127.0.0.1:1")
    assert await remote.recall(CLAIM, SINCE) == Unknown("no chain can be asked: IMG402_HOST_RPC_URL is not set")
    await remote.aclose()


SINCE = datetime(2026, 2, 8, 12, tzinfo=UTC)
BEFORE_THE_END, AFTER_THE_END = 1_770_552_299, 1_770_552_300
USDC = x402.BASE.usdc.lower()


def word(address: str) -> str:
    return "0x" + address[2:].lower().rjust(64, "0")


def used_log(kind: str = AUTHORIZATION_USED) -> dict[str, Any]:
    topics = [kind, word(ADDRESS), NONCE]
    return {"transactionHash": "0xfeed", "logIndex": "0x4", "address": USDC, "topics": topics, "data": "0x"}


def transfer_log(to: str = PAYEE, value: int = 10000, index: int = 5, asset: str = USDC) -> dict[str, Any]:
    topics = [TRANSFER, word(ADDRESS), word(to)]
    return {"logIndex": hex(index), "address": asset, "topics": topics, "data": f"0x{value:064x}"}


def node_says(
    *, used: bool = True, now: int = BEFORE_THE_END, logs: Any = None, transfers: Any = (), chain: int = 8453
) -> list[Any]:
    """The results of the calls, in order."""
    block = {"number": "0x2000", "timestamp": hex(now)}
    found = [used_log()] if logs is None else logs
    state = f"0x{int(used):064x}"
    return [hex(chain), block, state, found, {"logs": [used_log(), *transfers]}]


@pytest.mark.parametrize(
    ("results", "outcome"),
    [
        pytest.param(node_says(transfers=[transfer_log()]), Settled("0xfeed"), id="transferred"),
        pytest.param(node_says(used=False), Unknown("it can still be settled"), id="unused-in-its-window"),
        pytest.param(node_says(used=False, now=AFTER_THE_END), Rejected("expired"), id="unused-past-its-window"),
        pytest.param(
            node_says(logs=[used_log(AUTHORIZATION_CANCELED)]), Rejected("authorization_canceled"), id="cancelled"
        ),
        pytest.param(
            node_says(logs=[]),
            Unknown("it was used or cancelled, in a block outside the searched range"),
            id="no-log-found",
        ),
        pytest.param(
            node_says(transfers=[transfer_log(to=ADDRESS)]), Rejected("used_for_another_transfer"), id="to-another"
        ),
        pytest.param(
            node_says(transfers=[transfer_log(value=9999)]), Rejected("used_for_another_transfer"), id="of-less"
        ),
        pytest.param(
            node_says(transfers=[transfer_log(asset=ADDRESS)]), Rejected("used_for_another_transfer"), id="another-coin"
        ),
        pytest.param(
            node_says(transfers=[transfer_log(to=ADDRESS), transfer_log(index=7)]),
            Rejected("used_for_another_transfer"),
            id="another-authorizations-transfer",
        ),
        pytest.param(
            node_says(chain=1), Unknown("IMG402_HOST_RPC_URL serves another chain than base"), id="another-chain"
        ),
        pytest.param(["0x2105", None], Unknown("the chain gave no usable answer (TypeError)"), id="no-block"),
        pytest.param(["no number"], Unknown("the chain gave no usable answer (ValueError)"), id="no-number"),
    ],
)
async def test_what_the_chain_says_about_an_authorization(
    peers: Peers, answering: Answering, results: list[Any], outcome: object
):
    peer = await peers(*(answering({"jsonrpc": "2.0", "id": 1, "result": result}) for result in results))
    remote = Remote("http://127.0.0.1:1", Chain(peer.url, x402.BASE))
    assert await remote.recall(CLAIM, SINCE) == outcome
    await remote.aclose()


async def test_the_chain_is_asked_for_the_blocks_of_the_payments_time(peers: Peers, answering: Answering):
    results = node_says(transfers=[transfer_log()])
    peer = await peers(*(answering({"jsonrpc": "2.0", "id": 1, "result": result}) for result in results))
    chain = Chain(peer.url, x402.BASE)
    await chain.outcome(CLAIM, SINCE)
    await chain.aclose()
    calls = [json.loads(request.partition(b"\r\n\r\n")[2]) for request in peer.requests]
    assert [call["method"] for call in calls] == [
        "eth_chainId",
        "eth_getBlockByNumber",
        "eth_call",
        "eth_getLogs",
        "eth_getTransactionReceipt",
    ]
    assert calls[2]["params"] == [
        {"to": x402.BASE.usdc, "data": "0xe94a0102" + word(ADDRESS)[2:] + NONCE[2:]},
        "0x2000",
    ]
    # 299 s have gone by: 149 blocks of 2 s, and 300 more for clocks that differ.
    (where,) = calls[3]["params"]
    assert (where["fromBlock"], where["toBlock"]) == (hex(0x2000 - 149 - 300), "0x2000")
    assert where["topics"] == [[AUTHORIZATION_USED, AUTHORIZATION_CANCELED], word(ADDRESS), NONCE]


@pytest.mark.parametrize("answer", [b"", b"{}", b'{"error": {"code": -32000}}', None], ids=repr)
async def test_a_nonsensical_answer_of_the_node_decides_nothing(
    peers: Peers, answering: Answering, answer: bytes | None
):
    peer = await peers(None if answer is None else answering(answer))
    chain = Chain(peer.url, x402.BASE)
    assert isinstance(await chain.outcome(CLAIM, SINCE), Unknown)
    await chain.aclose()
