"""Paying an API that keeps its own books: one intent is charged once, whatever fails."""

import asyncio
import json
from dataclasses import replace

import anyio
import pytest

from img402_mcp.client.http import Request, Response
from img402_mcp.client.payments.payment import PaymentIntent, State
from img402_mcp.client.payments.payment_required import PaymentRequirements
from img402_mcp.errors import PaymentPending, PaymentRefused
from img402_mcp.wire import x402 as wire
from tests.fakes.paywall import Paywall, offer, recovered

TOKEN_EXPIRES = 1_790_000_600


def token_of(answer: Response) -> str:
    return json.loads(answer.body)["token"]


async def test_a_payment_is_asked_for_signed_once_and_granted(payer, paywall, journal, intent, request_of_token):
    answer, payment = await payer().paid(request_of_token, intent)
    assert answer.status == 200
    assert paywall.books == {payment.nonce: 10_000}
    assert [wire.PAYMENT_HEADERS[2] in request.headers for request in paywall.requests] == [False, True]
    assert (payment.state, payment.settlement, payment.valid_before) == (
        State.ANSWERED,
        "0x" + "ab" * 32,
        1_790_000_300,
    )
    assert journal.payment(payment.nonce) == payment


@pytest.mark.parametrize("status", [200, 201, 302, 400, 404, 429, 500])
async def test_other_answers_than_402_are_returned_unchanged(payer, journal, intent, request_of_token, status):
    async def send(request: Request) -> Response:
        return Response(status, {}, b"as it is")

    assert await payer(send=send).paid(request_of_token, intent) == (Response(status, {}, b"as it is"), None)
    assert journal.spent() == 0


@pytest.mark.parametrize(
    ("mishaps", "waits"),
    [
        pytest.param(["answer-lost"], [0.5], id="the-answer-is-lost-after-the-money-was-taken"),
        pytest.param(["never-arrived"], [0.5], id="the-proof-never-arrives"),
        pytest.param(["502"], [0.5], id="a-5xx"),
        pytest.param(["408"], [0.5], id="a-time-out-of-a-proxy"),
        pytest.param(["second-402"], [0.5], id="a-second-402-after-the-money-was-taken"),
        pytest.param(["refused"], [0.5], id="a-second-402-before-it-was"),
        pytest.param(["pending"], [7], id="payment-pending-says-when-to-come-back"),
        pytest.param(
            ["502", "answer-lost", "second-402", "never-arrived", "502"], [0.5, 1, 2, 4, 8], id="one-after-another"
        ),
    ],
)
async def test_after_a_failure_the_same_proof_is_sent_again(
    payer, paywall, clock, intent, request_of_token, mishaps, waits
):
    paywall.mishaps = mishaps
    answer, payment = await payer().paid(request_of_token, intent)
    assert (answer.status, payment.state, clock.waits) == (200, State.ANSWERED, waits)
    assert len({*paywall.proofs()}) == 1
    assert paywall.books == {payment.nonce: 10_000}


PENDING = (
    "A payment of 0.01 USDC to api.example (nonce {nonce}) is in flight: no answer has come yet. Make the same call "
    "again, and the same proof is sent again. It can be charged only once, and nothing new is signed. "
    "`img402-mcp wallet resume` does the same."
)


async def test_without_an_answer_in_time_the_call_says_pending_and_the_next_one_continues(
    payer, paywall, clock, journal, intent, request_of_token
):
    paywall.mishaps = ["502"] * 7
    with pytest.raises(PaymentPending) as caught:
        await payer().paid(request_of_token, intent)
    (waiting,) = journal.open_payments()
    assert str(caught.value) == PENDING.format(nonce=waiting.nonce)
    assert (waiting.state, sum(clock.waits)) == (State.AMBIGUOUS, 29.5)
    _, payment = await payer().paid(request_of_token, intent)
    assert paywall.books == {payment.nonce: 10_000} == {waiting.nonce: 10_000}
    assert len({*paywall.proofs()}) == 1


async def test_a_retry_after_longer_than_a_call_may_last_is_not_waited_for(
    payer, paywall, clock, intent, request_of_token
):
    paywall.mishaps = ["busy-for-long"]
    with pytest.raises(PaymentPending):
        await payer().paid(request_of_token, intent)
    assert (clock.waits, len(paywall.proofs())) == ([], 1)


async def test_a_hanging_server_is_left_in_time(payer, paywall, journal, intent, request_of_token):
    paywall.mishaps = ["hangs"]
    with pytest.raises(PaymentPending):
        await payer(timeout=0.5).paid(request_of_token, intent)
    answer, payment = await payer().paid(request_of_token, intent)
    assert (answer.status, [*paywall.books]) == (200, [payment.nonce])


async def test_a_large_body_gets_enough_time_on_a_slow_link(payer, paywall, intent):
    async def slowly(request: Request) -> Response:
        await anyio.sleep(0.6 if request.length else 0)
        return paywall.answer(request)

    picture = Request("POST", paywall.url, body=(bytes(100_000),))
    answer, _ = await payer(send=slowly, timeout=0.5).paid(picture, intent, probe=Request("POST", paywall.url))
    assert answer.status == 200


@pytest.mark.parametrize("end", ["scope", "task"])
async def test_a_cancelled_call_leaves_a_payment_that_the_next_one_finishes(
    payer, paywall, journal, intent, request_of_token, end
):
    paywall.mishaps = ["hangs"]
    if end == "scope":
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(payer().paid, request_of_token, intent)
            await paywall.hung.wait()
            tasks.cancel_scope.cancel()
    else:
        task = asyncio.create_task(payer().paid(request_of_token, intent))
        await paywall.hung.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    (waiting,) = journal.open_payments()
    _, payment = await payer().paid(request_of_token, intent)
    assert [waiting.nonce] == [payment.nonce] == [*paywall.books]


async def test_five_calls_at_once_are_one_payment(payer, paywall, intent, request_of_token):
    outcomes = await asyncio.gather(*(payer().paid(request_of_token, intent) for _ in range(5)))
    assert (len({token_of(answer) for answer, _ in outcomes}), len(paywall.books)) == (1, 1)


async def test_two_files_are_two_payments(payer, paywall, intent, request_of_token):
    for source in ("aa" * 32, "bb" * 32):
        await payer().paid(request_of_token, replace(intent, source=source))
    assert [*paywall.books.values()] == [10_000, 10_000]


async def test_a_finished_file_is_answered_from_the_journal(payer, paywall, clock, journal, intent, request_of_token):
    picture = replace(intent, source="aa" * 32)
    _, payment = await payer().paid(request_of_token, picture)
    journal.used(payment.nonce, clock.now(), '{"url": "https://i.example/1.png"}')
    paywall.requests.clear()
    answer, again = await payer().paid(request_of_token, picture)
    assert (answer.body, again.nonce, paywall.requests) == (b'{"url": "https://i.example/1.png"}', payment.nonce, [])


async def test_a_finished_file_is_paid_for_again_only_where_its_payment_is_named(
    payer, paywall, clock, journal, intent, request_of_token
):
    picture = replace(intent, source="aa" * 32)
    for renewing in (None, "first", "second"):
        name = [*paywall.books][-1] if renewing else None
        _, payment = await payer().paid(request_of_token, picture, renewing=name)
        journal.used(payment.nonce, clock.now(), "{}")
    assert len(paywall.books) == 3
    _, last = await payer().paid(request_of_token, picture)
    assert (last.nonce, len(paywall.books)) == ([*paywall.books][-1], 3)


async def test_inline_the_offer_is_asked_for_without_the_image(payer, paywall, intent):
    picture = Request("POST", paywall.url, {"Content-Type": "image/png"}, (b"pixels",))
    answer, payment = await payer().paid(picture, intent, probe=Request("POST", paywall.url))
    assert [request.body for request in paywall.requests] == [(), (b"pixels",)]
    assert (answer.status, payment.bodied) == (200, True)


@pytest.mark.parametrize("version", [1, 2])
async def test_the_proof_answers_in_the_version_of_the_offer(payer, wallet, intent, request_of_token, version):
    paywall = Paywall(version)
    await payer(send=paywall).paid(request_of_token, intent)
    (sent,) = paywall.proofs()
    message = wire.decoded(sent)
    payload = wire.ExactPayload.model_validate(message.pop("payload"))
    shape = {
        1: {"x402Version": 1, "scheme": "exact", "network": "base"},
        2: {"x402Version": 2, "resource": {"url": paywall.url}, "accepted": paywall.offers[0]},
    }
    assert message == shape[version]
    assert recovered(payload, wire.BASE) == wallet.address


async def test_extensions_are_repeated_and_the_payment_identifier_gets_an_id(
    payer, paywall, journal, intent, request_of_token
):
    bazaar = {"info": {"input": {"type": "http", "method": "POST"}}}
    paywall.extensions = {"payment-identifier": {"info": {"required": False}, "schema": {"x": 1}}, "bazaar": bazaar}
    _, payment = await payer().paid(request_of_token, intent)
    extensions = wire.decoded(paywall.proofs()[0])["extensions"]
    identifier = extensions["payment-identifier"]["info"].pop("id")
    assert extensions == paywall.extensions
    assert identifier == payment.identifier
    assert identifier.startswith("pay_")
    assert len(identifier) == 36


@pytest.mark.parametrize("status", [302, 400, 401, 404, 409, 413, 429])
async def test_another_refusal_after_a_proof_comes_back_and_the_payment_stays_open(
    payer, paywall, journal, intent, request_of_token, status
):
    paywall.mishaps = [str(status)]
    answer, payment = await payer().paid(request_of_token, intent)
    assert (answer.status, [payment]) == (status, journal.open_payments())
    _, granted = await payer().paid(request_of_token, intent)
    assert (granted.nonce, granted.state) == (payment.nonce, State.ANSWERED)


async def test_an_unused_answer_is_given_again_where_the_api_forgets(payer, paywall, intent, request_of_token):
    """As after our own crash between the answer and its use, with a server that answers each proof only once."""
    paywall.remembers = False
    first, _ = await payer().paid(request_of_token, intent)
    again, payment = await payer().paid(request_of_token, intent)
    assert token_of(again) == token_of(first)
    assert [*paywall.books] == [payment.nonce]


async def test_an_expired_token_is_asked_for_again_with_the_same_proof(
    payer, paywall, clock, journal, intent, request_of_token
):
    _, payment = await payer().paid(request_of_token, intent)
    journal.token_received(payment.nonce, clock.now(), "t" * 40, TOKEN_EXPIRES)
    clock.seconds = TOKEN_EXPIRES + 1
    _, again = await payer().paid(request_of_token, intent)
    assert [*paywall.books] == [payment.nonce] == [again.nonce]


@pytest.mark.parametrize("source", [pytest.param("", id="bare-token"), pytest.param("aa" * 32, id="of-a-file")])
async def test_a_permanently_expired_token_allows_a_new_payment_but_a_file_never_does(
    payer, paywall, clock, journal, intent, request_of_token, source
):
    paywall.remembers = False
    wanted = replace(intent, source=source)
    _, payment = await payer().paid(request_of_token, wanted)
    journal.token_received(payment.nonce, clock.now(), "t" * 40, TOKEN_EXPIRES)
    clock.seconds = TOKEN_EXPIRES + 1
    if source:
        with pytest.raises(PaymentPending, match="was charged, and what it paid for was not delivered"):
            await payer().paid(request_of_token, wanted)
    else:
        await payer().paid(request_of_token, wanted)
    assert len(paywall.books) == (1 if source else 2)


async def test_a_user_who_declines_has_signed_nothing(payer, paywall, journal, intent, request_of_token):
    seen = []

    async def decline(offer: PaymentRequirements, intent: PaymentIntent) -> bool:
        seen.append((offer.amount, offer.pay_to, intent))
        return False

    with pytest.raises(PaymentRefused) as caught:
        await payer(approve=decline).paid(request_of_token, intent)
    assert str(caught.value) == "The payment of 0.01 USDC to api.example was declined; nothing was signed."
    assert seen == [(10_000, paywall.offers[0]["payTo"], intent)]
    assert (journal.spent(), paywall.proofs()) == (0, [])


async def test_the_user_is_not_asked_about_what_the_budget_forbids(payer, paywall, intent, request_of_token):
    async def never(offer: object, intent: object) -> bool:
        raise AssertionError

    paywall.offers = [offer(amount="10001")]
    with pytest.raises(PaymentRefused, match="IMG402_MAX_PAYMENT"):
        await payer(approve=never).paid(request_of_token, intent)


@pytest.mark.parametrize("where", ["request", "probe"])
async def test_a_proof_goes_only_to_the_origin_that_asked_for_it(payer, intent, request_of_token, where):
    elsewhere = Request("POST", "https://api.example.evil/api/upload/token")
    requests = {"request": (elsewhere, None), "probe": (request_of_token, elsewhere)}
    request, probe = requests[where]
    with pytest.raises(ValueError, match="a payment for https://api.example does not go to https://api.example.evil"):
        await payer().paid(request, intent, probe=probe)


async def test_another_processs_payment_is_used(payer, paywall, journal, intent: PaymentIntent, request_of_token):
    """Both saw no payment and asked; the slower one finds the faster one's payment when it claims."""

    async def overtaken(request: Request) -> Response:
        if not paywall.requests:
            wanted = paywall.answer(request)
            await payer().paid(request_of_token, intent)
            return wanted
        return paywall.answer(request)

    _, payment = await payer(send=overtaken).paid(request_of_token, intent)
    assert [*paywall.books] == [payment.nonce]
