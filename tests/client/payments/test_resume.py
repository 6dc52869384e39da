"""A payment that got no answer: past its window, resumed, or resolved."""

from contextlib import closing
from dataclasses import replace

import pytest

from img402_mcp.client.http import Request, Response
from img402_mcp.client.payments.journal import Journal
from img402_mcp.client.payments.payer import Resumed
from img402_mcp.client.payments.payment import Payment, State
from img402_mcp.errors import NotReached, PaymentPending, PaymentRefused

UNKNOWN = (
    "A payment of 0.01 USDC to api.example (nonce {nonce}) got no answer until its window ended at 2026-09-21 "
    "14:18:20Z, and {why}: it may have been charged. Nothing new is signed for this. Set IMG402_RPC_URL to a node of "
    "base; or, having seen that {payer} was not charged, run `img402-mcp wallet resolve {nonce} --presume-unsettled`, "
    "and make the same call again."
)


async def unanswered(payer, paywall, clock, intent, request_of_token, mishap: str = "502") -> None:
    """A payment past its window and grace period, with an API that no longer answers proofs."""
    paywall.mishaps = [mishap] * 7
    with pytest.raises(PaymentPending):
        await payer().paid(request_of_token, intent)
    paywall.mishaps = ["refused"]
    paywall.requests.clear()
    clock.seconds += 361


async def test_past_its_window_nothing_new_is_signed_while_the_outcome_is_unknown(
    payer, paywall, clock, journal, wallet, intent, request_of_token
):
    await unanswered(payer, paywall, clock, intent, request_of_token)
    with pytest.raises(PaymentPending) as caught:
        await payer().paid(request_of_token, intent)
    (waiting,) = journal.open_payments()
    why = "IMG402_RPC_URL is not set, so the chain was not asked"
    assert str(caught.value) == UNKNOWN.format(nonce=waiting.nonce, why=why, payer=wallet.address)
    assert (len(paywall.proofs()), len(paywall.signed)) == (1, 1)


async def test_past_its_window_an_answer_from_the_api_still_counts(payer, paywall, clock, intent, request_of_token):
    await unanswered(payer, paywall, clock, intent, request_of_token)
    paywall.mishaps = []
    answer, payment = await payer().paid(request_of_token, intent)
    assert (answer.status, [*paywall.books]) == (200, [payment.nonce])


@pytest.mark.parametrize("last_word", ["refused", "declined", "never-arrived"])
async def test_a_payment_that_the_chain_shows_as_never_charged_allows_a_new_one(
    payer, paywall, clock, journal, intent, request_of_token, last_word
):
    await unanswered(payer, paywall, clock, intent, request_of_token, mishap="never-arrived")
    paywall.mishaps = [last_word]
    _, payment = await payer(rpc=True).paid(request_of_token, intent)
    old, new = paywall.signed
    assert (journal.payment(old).state, new, paywall.books) == (State.EXPIRED, payment.nonce, {new: 10_000})


async def test_a_payment_that_the_chain_shows_as_charged_is_reported_and_never_made_again(
    payer, paywall, clock, journal, intent, request_of_token
):
    await unanswered(payer, paywall, clock, intent, request_of_token)
    paywall.mishaps = ["refused"] * 2
    for _ in range(2):
        with pytest.raises(PaymentPending) as caught:
            await payer(rpc=True).paid(request_of_token, intent)
    (waiting,) = journal.open_payments()
    assert str(caught.value) == (
        f"A payment of 0.01 USDC to api.example (nonce {waiting.nonce}) was charged, and what it paid for was not "
        "delivered. Nothing new is signed for this. Make the same call again later, or show the operator the nonce. To "
        "give the money up and allow a new payment, run "
        f"`img402-mcp wallet resolve {waiting.nonce} --presume-unsettled`."
    )
    assert (waiting.state, len(paywall.signed)) == (State.UNDELIVERED, 1)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        pytest.param(
            {"chain_id": 1},
            "the chain could not be asked (The RPC node serves chain 1, not base, which is 8453.)",
            id="another-chain",
        ),
        pytest.param(
            {"behind": 100},
            "the chain could not be asked (The RPC node has not seen the end of the payment's window.)",
            id="a-node-that-lags-behind",
        ),
        pytest.param(
            {"answers": {"eth_call": "0x"}},
            """the chain could not be asked (The RPC node answered "'0x'" where a number was expected.)""",
            id="no-such-contract",
        ),
        pytest.param(
            {"answers": {"eth_call": "0x2"}},
            "the chain could not be asked (The RPC node says 2 where 0 (unused) or 1 (used) was expected.)",
            id="no-boolean",
        ),
        pytest.param(
            {"answers": {"eth_getBlockByNumber": "soon"}},
            "the chain could not be asked (The RPC node has not seen the end of the payment's window.)",
            id="no-block",
        ),
    ],
)
async def test_a_node_that_cannot_know_decides_nothing(
    payer, paywall, clock, chain, journal, wallet, intent, request_of_token, change, why
):
    await unanswered(payer, paywall, clock, intent, request_of_token, mishap="never-arrived")
    for name, value in change.items():
        setattr(chain, name, value)
    with pytest.raises(PaymentPending) as caught:
        await payer(rpc=True).paid(request_of_token, intent)
    (waiting,) = journal.open_payments()
    assert str(caught.value) == UNKNOWN.format(nonce=waiting.nonce, why=why, payer=wallet.address)
    assert len(paywall.signed) == 1


async def test_a_node_s_address_is_a_secret(payer, paywall, clock, intent, request_of_token):
    await unanswered(payer, paywall, clock, intent, request_of_token)

    async def no_node(request: Request) -> Response:
        if "node.example" in request.url:
            raise NotReached("node.example/secret-key could not be reached.")
        return paywall.answer(request)

    with pytest.raises(PaymentPending, match=r"could not be asked \(The RPC node did not answer\.\)") as caught:
        await payer(rpc=True, send=no_node).paid(request_of_token, intent)
    assert "secret-key" not in str(caught.value) + repr(payer(rpc=True))


class Died(Exception):
    pass


class DiesBeforeSending(Journal):
    def sent(self, nonce: str, now: float) -> Payment:
        raise Died(nonce, now)


async def test_a_payment_that_never_left_is_dropped_after_its_window_without_asking_anyone(
    payer, paywall, clock, journal, state_dir, intent, request_of_token
):
    dying = DiesBeforeSending.open(state_dir)
    with pytest.raises(Died), closing(dying):
        await payer(journal=dying).paid(request_of_token, intent)
    (waiting,) = journal.open_payments()
    clock.seconds += 300
    _, payment = await payer().paid(request_of_token, intent)
    assert (waiting.state, journal.payment(waiting.nonce).state) == (State.SIGNED, State.EXPIRED)
    assert paywall.signed == {payment.nonce: 10_000}


async def test_resume_sends_every_open_proof_again_and_signs_nothing(payer, paywall, journal, intent, request_of_token):
    paywall.mishaps = ["502"] * 7
    with pytest.raises(PaymentPending):
        await payer().paid(request_of_token, intent)
    (resumed,) = await payer().resume()
    assert resumed == Resumed(journal.payment(*paywall.books), resumed.answer, "the API answered with status 200")
    assert (resumed.answer.status, len(paywall.signed), await payer().resume()) == (200, 1, [])


async def test_resume_reports_what_it_cannot_finish(payer, paywall, clock, journal, intent, request_of_token):
    with_image = Request("POST", paywall.url, body=(b"pixels",))
    paywall.mishaps = ["502"] * 14
    messages = []
    for request, source in ((request_of_token, ""), (with_image, "aa" * 32)):
        with pytest.raises(PaymentPending) as caught:
            await payer().paid(request, replace(intent, source=source))
        messages.append(str(caught.value))
    paywall.mishaps = ["502"] * 7
    bare, image = await payer().resume()
    assert (bare.answer, bare.explanation) == (None, messages[0])
    assert (image.answer, image.explanation) == (
        None,
        "its request has a body that is not kept here: make the same call again",
    )


async def test_resolving_before_the_window_ends_is_refused(payer, paywall, intent, request_of_token):
    paywall.mishaps = ["502"] * 7
    with pytest.raises(PaymentPending):
        await payer().paid(request_of_token, intent)
    (nonce,) = paywall.signed
    with pytest.raises(PaymentRefused) as caught:
        await payer().resolve(nonce, presume_unsettled=True)
    assert str(caught.value) == (
        f"The payment {nonce} can still be charged until 2026-09-21 14:19:20Z; before that nobody can know that it was "
        "not. `img402-mcp wallet resume` asks the API for its answer."
    )


@pytest.mark.parametrize(
    ("rpc", "presume"),
    [pytest.param(False, True, id="the-user-presumes"), pytest.param(True, False, id="the-chain-knows")],
)
async def test_resolving_makes_room_for_a_new_payment(payer, paywall, clock, intent, request_of_token, rpc, presume):
    await unanswered(payer, paywall, clock, intent, request_of_token, mishap="never-arrived")
    (nonce,) = paywall.signed
    resolved = await payer(rpc=rpc).resolve(nonce, presume_unsettled=presume)
    _, payment = await payer().paid(request_of_token, intent)
    assert (resolved.state, [nonce, payment.nonce]) == (State.EXPIRED, [*paywall.signed])


async def test_resolving_needs_a_node_or_the_users_word(payer, paywall, clock, intent, request_of_token):
    await unanswered(payer, paywall, clock, intent, request_of_token)
    (nonce,) = paywall.signed
    with pytest.raises(PaymentPending, match="IMG402_RPC_URL is not set, so the chain was not asked"):
        await payer().resolve(nonce)


async def test_resolving_an_unknown_payment_says_so(payer):
    with pytest.raises(PaymentRefused) as caught:
        await payer().resolve("0xabc")
    assert str(caught.value) == 'No payment has the nonce "0xabc". `img402-mcp wallet status` lists the open ones.'
