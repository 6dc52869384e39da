"""One fee for one submission, whatever is lost on the way and whoever submitted before."""

from asyncio import gather
from dataclasses import replace

import pytest

from img402_mcp.client.io42_submit import Submitted
from img402_mcp.host.app import utc_now
from tests.fakes.io42 import submitted_or_error
from tests.fakes.serving import reply


@pytest.mark.parametrize(
    ("posts", "puts", "calls"),
    [
        pytest.param(["lost"], [], 1, id="the-url-lost"),
        pytest.param(["unreached"], [], 1, id="the-payment-unreached"),
        pytest.param([], ["lost"], 1, id="the-put-s-answer-lost"),
        pytest.param([], ["unreached", "unreached"], 1, id="the-storage-unreached"),
        pytest.param([], ["unreached"] * 3, 2, id="the-storage-away-for-a-whole-call"),
        pytest.param([], [reply(503)] * 3, 2, id="the-storage-failing-for-a-whole-call"),
        pytest.param([], ["delivered-500"], 1, id="the-put-delivered-with-a-500"),
        pytest.param([], ["lost"] * 3, 2, id="each-put-s-answer-lost"),
        pytest.param([], [reply(403)], 1, id="a-dead-url"),
        pytest.param(["lost", "lost"], ["lost"], 1, id="everything-lost"),
        pytest.param([], [reply(307, location="http://localhost/x")], 1, id="a-redirect"),
    ],
)
async def test_invariant_4_one_fee_and_one_file_whatever_is_lost(posts, puts, calls, platform, logo):
    platform.wire.mishaps = {"POST": posts, "PUT": puts}
    async with platform.submitter() as submitting:
        outcomes = [await submitted_or_error(submitting, logo) for _ in range(calls)]
    assert isinstance(outcomes[-1], Submitted), outcomes[-1]
    assert all("ing more is paid for this file" in words for words in outcomes[:-1])
    assert (len(platform.wire.proofs), platform.delivered) == (1, ["sub_1"])
    with platform.journal as journal:
        assert journal.spent() == 250_000


async def test_invariant_4_five_calls_at_once_pay_one_fee(platform, logo):
    async with platform.submitter() as submitting:
        outcomes = await gather(*(submitted_or_error(submitting, logo) for _ in range(5)))
    assert all(isinstance(each, Submitted) for each in outcomes), outcomes
    assert (len(platform.wire.proofs), platform.delivered) == (1, ["sub_1"])


async def test_an_earlier_upload_url_is_used_while_it_is_valid_and_requested_again_after(platform, logo):
    platform.wire.mishaps["PUT"] = [reply(503)] * 6
    now = [utc_now().timestamp()]
    async with platform.submitter(now=lambda: now[0]) as submitting:
        await submitted_or_error(submitting, logo)
        await submitted_or_error(submitting, logo)
        now[0] += 1800
        last = await submitted_or_error(submitting, logo)
    assert isinstance(last, Submitted)
    assert platform.passed == [("POST", 402), ("POST", 200), *[("PUT", 503)] * 6, ("POST", 200), ("PUT", 200)]
    assert len(platform.wire.proofs) == 1


EXISTS = reply(409, {"success": False, "error": {"code": "SUBMISSION_ALREADY_EXISTS", "message": "already uploaded"}})
ASKED = reply(402, {"success": False, "error": {"code": "PAYMENT_FAILED", "message": "nonce used"}})


@pytest.mark.parametrize(
    ("posts", "beginning", "again"),
    [
        pytest.param(
            [EXISTS],
            "The fee may be paid, no upload URL was received, and the service says that a submission exists: "
            "0.25 USDC to localhost (nonce {nonce}, transaction not known). Nothing more is paid for this file.",
            'Its own words: "already uploaded"',
            id="exists",
        ),
        pytest.param(
            ["lost", *[ASKED] * 9],
            "The fee may be paid, no upload URL was received, and the service answers the same payment with another "
            "402: 0.25 USDC to localhost (nonce {nonce}, transaction not known). Nothing more is paid for this file.",
            "A payment of 0.25 USDC to localhost (nonce {nonce}) was sent, and the API did not take it.",
            id="402-again",
        ),
    ],
)
async def test_a_fee_without_an_upload_url_is_reported_with_what_is_known(posts, beginning, again, platform, logo):
    platform.wire.mishaps["POST"] = posts
    async with platform.submitter() as submitting:
        message = await submitted_or_error(submitting, logo)
    with platform.journal as journal:
        (payment,) = journal.open_payments()
    assert message.startswith(beginning.format(nonce=payment.nonce))
    assert again.format(nonce=payment.nonce) in message
    assert platform.delivered == []


async def test_an_existing_submission_is_ours_only_where_our_file_was_sent(platform, logo):
    """The upload URL came, we crashed, and someone else delivered a file."""
    platform.wire.mishaps = {"POST": [None, EXISTS, EXISTS], "PUT": ["unreached"] * 3}
    async with platform.submitter() as submitting:
        await submitted_or_error(submitting, logo)
        with platform.journal as journal:
            (payment,) = journal.open_payments()
            assert payment.put_at is None  # no byte was sent
        later = replace(submitting, payer=replace(submitting.payer, now=lambda: payment.signed_at + 1800))
        message = await submitted_or_error(later, logo)
        with platform.journal as journal:
            journal.put_begins(payment.nonce, 1)
        delivered = await submitted_or_error(later, logo)
    assert message.startswith(
        "The fee is paid, an upload URL was received but no file sent, and the service says that a submission exists: "
        f"0.25 USDC to localhost (nonce {payment.nonce}, transaction not known)."
    )
    assert isinstance(delivered, Submitted)


async def test_a_402_for_a_fee_that_was_granted_before_is_reported_too(platform, logo):
    platform.wire.mishaps = {"POST": [None, ASKED], "PUT": [reply(403)]}
    async with platform.submitter() as submitting:
        message = await submitted_or_error(submitting, logo)
    assert "The fee is paid, an upload URL was received but no file sent, and the service answers the same" in message


async def test_five_files_at_once_for_one_submission_are_one_fee(platform, logo, picture_of):
    files = [logo.with_name(f"{number}.png") for number in range(5)]
    for number, file in enumerate(files):
        file.write_bytes(picture_of(120 + number, 100))
    async with platform.submitter() as submitting:
        outcomes = await gather(*(submitted_or_error(submitting, file) for file in files))
    with platform.journal as journal:
        assert journal.spent() == 250_000
    assert len(platform.wire.proofs) == 1
    assert sum(isinstance(each, Submitted) for each in outcomes) == 1


async def test_an_unsent_file_is_not_reported_as_delivered_when_another_one_is_there(platform, logo, picture_of):
    other = logo.with_name("other.png")
    other.write_bytes(picture_of(130, 120))
    platform.wire.mishaps["PUT"] = ["unreached"] * 3
    async with platform.submitter() as submitting:
        await submitted_or_error(submitting, logo)
        assert isinstance(await submitted_or_error(submitting, other), Submitted)
        message = await submitted_or_error(submitting, logo)
    assert "no file sent, and the service says that a submission exists" in message


async def test_a_refused_put_is_not_a_delivery_even_where_the_submission_then_exists(platform, logo):
    platform.wire.mishaps = {"POST": [None, EXISTS], "PUT": [reply(403)]}
    async with platform.submitter() as submitting:
        message = await submitted_or_error(submitting, logo)
    assert "no file sent, and the service says that a submission exists" in message


async def test_no_second_fee_is_paid_for_another_file_of_the_same_submission(platform, logo, picture_of):
    other = logo.with_name("other.png")
    other.write_bytes(picture_of(200, 200))
    platform.wire.mishaps["POST"] = ["unreached"] * 20
    async with platform.submitter() as submitting:
        await submitted_or_error(submitting, logo)
        platform.wire.mishaps["POST"] = []
        message = await submitted_or_error(submitting, other)
        assert isinstance(await submitted_or_error(submitting, logo), Submitted)
    assert message.startswith(
        "There is already a fee for this submission, for another file: 0.25 USDC to localhost (nonce"
    )
    assert "A second one is not paid. Submit that same file again, which costs nothing more; or give that" in message
    assert len(platform.wire.proofs) == 1


async def test_where_the_fee_belongs_to_the_submission_another_file_needs_no_fee(platform, logo, picture_of):
    other = logo.with_name("other.png")
    other.write_bytes(picture_of(200, 200))
    platform.wire.mishaps["PUT"] = ["unreached"] * 3
    async with platform.submitter() as submitting:
        await submitted_or_error(submitting, logo)
        done = await submitted_or_error(submitting, other)
    assert isinstance(done, Submitted)
    assert (done.fee, len(platform.wire.proofs), platform.delivered) == (0, 1, ["sub_1"])


async def test_a_raised_fee_does_not_affect_a_payment_in_flight(platform, logo):
    platform.wire.mishaps["POST"] = ["lost", *["unreached"] * 20]
    async with platform.submitter() as submitting:
        await submitted_or_error(submitting, logo)
        platform.accounts.change_project("logos", "5", None, None)
        platform.wire.mishaps["POST"] = []
        assert isinstance(await submitted_or_error(submitting, logo), Submitted)
        refused = await submitted_or_error(submitting, logo, "sub_2")
    assert "It asks for 5 USDC; at most 0.25 is allowed for one payment. IMG402_IO42_MAX_FEE changes that." in refused
    assert len(platform.wire.proofs) == 1
