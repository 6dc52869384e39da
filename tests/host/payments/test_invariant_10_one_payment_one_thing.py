"""Invariant 10, the paid part: one payment buys one thing and is settled once, no matter who asks or what breaks."""

from asyncio import gather
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from anyio import Event, create_task_group
from anyio.lowlevel import checkpoint
from httpx2 import AsyncClient, Response

from img402_mcp.host.errors import ApiError
from img402_mcp.host.payments.payload import presented
from img402_mcp.host.payments.paywall import Paywall
from img402_mcp.host.payments.requirements import Sale
from tests.fakes.bank import Bank
from tests.fakes.fixtures import Hosting, MakeProof, Names, Sample
from tests.fakes.keys import PAYEE
from tests.fakes.uploads import upload_paid

LEASE = timedelta(seconds=6)


def status_and_body(response: Response) -> tuple[int, Any]:
    return response.status_code, response.json()


async def buy(client: AsyncClient, proof: dict[str, str]) -> Response:
    return await client.post("/api/upload/token", headers=proof)


def pending(reason: str) -> tuple[int, dict[str, str]]:
    message = (
        f"The outcome of this payment is not known yet ({reason}). Send this request again with the same proof, "
        "never with a new one: it is charged only once."
    )
    return 503, {"error": "payment_pending", "message": message}


async def test_five_copies_of_a_proof_are_settled_once_and_get_the_same_token(
    shop: AsyncClient, proof: MakeProof, bank
):
    paid = proof()
    answers = await gather(*(buy(shop, paid) for _ in range(5)))
    assert {status_and_body(answer)[0] for answer in answers} == {200}
    assert len({answer.json()["token"] for answer in answers}) == 1
    assert len(bank.settled) == len(bank.book) == 1


async def test_a_copy_that_is_overtaken_while_it_is_verified_gets_the_same_token(
    shop: AsyncClient, proof: MakeProof, bank
):
    answers, paid, overtaken = [], proof(), Event()
    bank.holds = [overtaken]

    async def slowly() -> None:
        answers.append(status_and_body(await buy(shop, paid)))

    async with create_task_group() as tasks:
        tasks.start_soon(slowly)
        while bank.holds:
            await checkpoint()
        answers.append(status_and_body(await buy(shop, paid)))
        overtaken.set()
    assert answers[0] == answers[1]
    assert (answers[0][0], len(bank.book)) == (200, 1)


async def test_five_copies_of_an_inline_upload_are_one_image(
    shop: AsyncClient, proof: MakeProof, sample: Sample, bank, rows: Names, on_disk: Names
):
    paid = proof()
    answers = await gather(*(upload_paid(shop, sample("plain.png"), paid) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["url"] for answer in answers}) == 1
    assert len(bank.settled) == len(rows()) == len(on_disk()) == 1


async def test_five_uploads_with_one_token_are_one_image(
    shop: AsyncClient, proof: MakeProof, sample: Sample, rows: Names, on_disk: Names
):
    token = {"X-Upload-Token": (await buy(shop, proof())).json()["token"]}
    images = [sample("plain.png"), sample("still.gif")]
    answers = await gather(*(upload_paid(shop, image, token) for image in images * 3))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 401, 401, 401]
    assert len({answer.json()["url"] for answer in answers if answer.status_code == 200}) == 1
    assert len(rows()) == len(on_disk()) == 1


async def test_two_workers_over_one_database_agree(selling: Hosting, proof: MakeProof, bank):
    paid = proof()
    async with selling() as one, selling() as other:
        answers = await gather(*(buy(client, paid) for client in (one, other) * 3))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["token"] for answer in answers}) == 1
    assert len(bank.settled) == 1


@asynccontextmanager
async def killed_when_reached(client: AsyncClient, proof: dict[str, str], bank: Bank) -> AsyncIterator[None]:
    """Starts the request; when the block ends the host is gone, and nothing of it ran past that point."""
    async with create_task_group() as tasks:
        tasks.start_soon(buy, client, proof)
        await bank.reached.wait()
        yield
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("mood", "settlements"),
    [
        pytest.param("hangs", 2, id="between-reserving-and-settling"),
        pytest.param("moved and hangs", 2, id="between-settling-and-granting"),
    ],
)
async def test_a_host_killed_while_settling_charges_once_and_delivers(
    selling: Hosting, proof: MakeProof, bank, clock: SimpleNamespace, mood: str, settlements: int
):
    bank.moods, paid = [mood], proof()
    async with selling() as client, killed_when_reached(client, paid, bank):
        pass
    async with selling(settle_timeout=0) as client:
        assert status_and_body(await buy(client, paid)) == pending("it is being settled")
        clock.now += LEASE
        bought = await buy(client, paid)
        assert status_and_body(await buy(client, paid)) == status_and_body(bought)
    assert (bought.status_code, len(bank.settled), len(bank.book)) == (200, settlements, 1)


async def test_a_host_killed_between_settling_and_granting_has_it_in_its_book(
    selling: Hosting, paywall: tuple[Paywall, Sale], proof: MakeProof, bank
):
    money, sale = paywall
    paid = presented(proof())
    assert paid is not None
    await money.charge(paid, sale)
    async with selling() as client:
        assert (await buy(client, proof())).status_code == 200
    assert len(bank.settled) == 1


async def test_a_token_outlives_the_process_that_issued_it(selling: Hosting, proof: MakeProof, sample: Sample):
    async with selling() as client:
        bought = await buy(client, proof())
    async with selling() as client:
        assert status_and_body(await buy(client, proof())) == status_and_body(bought)
        assert (
            await upload_paid(client, sample("plain.png"), {"X-Upload-Token": bought.json()["token"]})
        ).status_code == 200


async def test_with_another_secret_the_payment_still_buys_its_upload(
    selling: Hosting, proof: MakeProof, sample: Sample, bank
):
    async with selling(IMG402_HOST_SECRET="a" * 32) as client:
        before = (await buy(client, proof())).json()["token"]
    async with selling(IMG402_HOST_SECRET="b" * 32) as client:
        after = (await buy(client, proof())).json()["token"]
        image = await upload_paid(client, sample("plain.png"), {"X-Upload-Token": after})
        assert (before != after, image.status_code) == (True, 200)
        assert status_and_body(
            await upload_paid(client, sample("plain.png"), {"X-Upload-Token": before})
        ) == status_and_body(image)
    assert len(bank.book) == 1


async def test_while_one_copy_is_being_settled_another_waits_for_a_bounded_time(
    selling: Hosting, proof: MakeProof, bank
):
    bank.moods, paid = ["hangs"], proof()
    async with selling(settle_timeout=0) as client, killed_when_reached(client, paid, bank):
        answer = await buy(client, paid)
        assert (status_and_body(answer), answer.headers["retry-after"]) == (pending("it is being settled"), "2")
        assert "payment-required" not in answer.headers
    assert len(bank.settled) == 1


@pytest.mark.parametrize("mood", ["unreachable", "answer lost"])
async def test_an_unknown_outcome_is_pending_and_the_same_proof_may_be_sent_again(
    shop: AsyncClient, proof: MakeProof, bank, mood
):
    bank.moods, paid = [mood], proof()
    reason = {"unreachable": "no connection", "answer lost": "time-out"}[mood]
    answer = await buy(shop, paid)
    assert (status_and_body(answer), answer.headers["retry-after"]) == (pending(reason), "2")
    assert (await buy(shop, paid)).status_code == 200
    assert len(bank.book) == 1


async def test_an_unreachable_facilitator_is_not_a_refusal(hosting: Hosting, proof: MakeProof, clock: SimpleNamespace):
    """Nothing listens at the facilitator's address here."""
    environ = {"IMG402_HOST_PAY_TO": PAYEE, "IMG402_HOST_FACILITATOR_URL": "http://127.0.0.1:1"}
    async with hosting(**environ) as client:
        answer = await buy(client, proof())
    assert status_and_body(answer) == pending("the facilitator gave no usable answer (ConnectError)")


async def test_an_unverified_payment_is_not_settled(shop: AsyncClient, proof: MakeProof, bank):
    bank.silent = True
    assert status_and_body(await buy(shop, proof())) == pending("no answer")
    assert bank.settled == []


async def test_a_conclusive_refusal_frees_the_payment(shop: AsyncClient, proof: MakeProof, bank):
    bank.moods, paid = ["refuses"], proof()
    refused = await buy(shop, paid)
    assert (refused.status_code, refused.json()["error"], refused.json()["message"]) == (
        402,
        "insufficient_funds",
        "The payment was refused (insufficient_funds) and bought nothing.",
    )
    assert (await buy(shop, paid)).status_code == 200
    assert len(bank.book) == 1


async def test_a_refusal_after_an_attempt_without_outcome_is_not_conclusive(shop: AsyncClient, proof: MakeProof, bank):
    bank.moods, paid = ["answer lost", "refuses", "answers"], proof()
    assert status_and_body(await buy(shop, paid)) == pending("time-out")
    assert status_and_body(await buy(shop, paid)) == pending("no chain can be asked")
    assert (await buy(shop, paid)).status_code == 200
    assert len(bank.book) == 1


async def test_a_payment_that_the_chain_shows_as_never_settled_is_refused(shop: AsyncClient, proof: MakeProof, bank):
    bank.moods, bank.knows_the_past, paid = ["unreachable", "refuses"], True, proof()
    assert status_and_body(await buy(shop, paid)) == pending("no connection")
    refused = await buy(shop, paid)
    assert (refused.status_code, refused.json()["error"], bank.book) == (402, "expired", [])


async def test_a_used_nonce_counts_as_paid_up_to_the_trusted_amount(selling: Hosting, proof: MakeProof, bank):
    bank.moods, paid = ["answer lost"], proof()
    async with selling(IMG402_HOST_TRUST_USED="0.01") as client:
        await buy(client, paid)
        assert (await buy(client, paid)).status_code == 200


@pytest.mark.parametrize("chain", [True, False], ids=["chain", "trust"])
async def test_an_attempt_without_outcome_does_not_hide_that_an_earlier_one_moved_the_money(
    selling: Hosting, proof: MakeProof, bank, chain
):
    """A facilitator may submit a used authorization again and report a failed transaction."""
    bank.moods, bank.knows_the_past, paid = ["answer lost", "unreachable"], chain, proof()
    async with selling(IMG402_HOST_TRUST_USED="0" if chain else "0.01") as client:
        await buy(client, paid)
        assert (await buy(client, paid)).status_code == 200
    assert len(bank.book) == 1


async def test_a_used_nonce_above_the_trusted_amount_stays_pending_until_the_chain_shows_the_outcome(
    selling: Hosting, proof: MakeProof, bank
):
    bank.moods, paid = ["answer lost"], proof()
    async with selling(IMG402_HOST_TRUST_USED="0.009999") as client:
        await buy(client, paid)
        assert status_and_body(await buy(client, paid)) == pending("no chain can be asked")
        bank.knows_the_past = True
        assert (await buy(client, paid)).status_code == 200


async def test_where_a_chain_can_be_asked_no_amount_is_trusted(selling: Hosting, proof: MakeProof, bank):
    bank.moods, paid = ["answer lost"], proof()
    async with selling(IMG402_HOST_RPC_URL="http://127.0.0.1:1") as client:
        await buy(client, paid)
        assert status_and_body(await buy(client, paid)) == pending("no chain can be asked")


async def test_a_used_nonce_that_was_never_seen_here_buys_nothing(shop: AsyncClient, proof: MakeProof, bank):
    """It may have paid for something else, at another host of the same payee."""
    bank.book.append(("somebody", f"0x{1:064x}", 10000))
    answer = await buy(shop, proof())
    assert (answer.status_code, answer.json()["error"], bank.settled) == (402, "nonce_already_used", [])


async def test_a_known_payment_is_answered_after_its_window_has_closed(
    shop: AsyncClient, proof: MakeProof, clock: SimpleNamespace, bank
):
    paid = proof()
    await buy(shop, paid)
    clock.now += timedelta(days=2)
    assert (await buy(shop, paid)).status_code == 200
    assert len(bank.settled) == 1


WITH_THAT_ID = "This payment first came with a payment-identifier; send the proof with the same id."
OTHER_PROOF = "Another proof with this payer and nonce is already known here."


@pytest.mark.parametrize(
    ("version", "changed", "message"),
    [
        pytest.param(2, {"identifier": None}, WITH_THAT_ID, id="without-the-id"),
        pytest.param(2, {"identifier": "pay_guessed_guessed"}, WITH_THAT_ID, id="with-another-id"),
        pytest.param(1, {}, WITH_THAT_ID, id="in-v1-as-rebuilt-from-the-chain"),
        pytest.param(2, {"signature": "22"}, OTHER_PROOF, id="another-signature"),
        pytest.param(2, {"valid_before": 9_999_999_999}, OTHER_PROOF, id="another-window"),
    ],
)
async def test_a_replay_by_a_reader_of_the_chain_gets_nothing(
    shop: AsyncClient, sample: Sample, proof: MakeProof, bank, version: int, changed: dict[str, Any], message: str
):
    bought = await buy(shop, proof())
    stolen = proof(version, **changed)
    for answer in (await buy(shop, stolen), await upload_paid(shop, sample("plain.png"), stolen)):
        assert status_and_body(answer) == (409, {"error": "payment_conflict", "message": message})
        assert "payment-required" not in answer.headers
    assert status_and_body(await buy(shop, proof())) == status_and_body(bought)
    assert len(bank.book) == 1


async def test_a_reader_of_the_chain_gets_no_image_either(shop: AsyncClient, sample: Sample, proof: MakeProof):
    await upload_paid(shop, sample("plain.png"), proof())
    assert (await buy(shop, proof(1))).status_code == 409


async def test_an_identifier_names_one_payment_of_a_payer(shop: AsyncClient, proof: MakeProof, bank):
    await buy(shop, proof())
    assert status_and_body(await buy(shop, proof(nonce=2))) == (
        409,
        {
            "error": "payment_conflict",
            "message": "The payment-identifier belongs to another payment; use a new one.",
        },
    )
    somebody_else = proof(nonce=2, payer="0x" + "22" * 20)
    assert (await buy(shop, somebody_else)).status_code == 200
    assert len(bank.book) == 2


async def test_a_payment_for_one_product_does_not_buy_another(
    shop: AsyncClient, paywall: tuple[Paywall, Sale], proof: MakeProof, bank
):
    await buy(shop, proof())
    money, sale = paywall
    paid = presented(proof())
    assert paid is not None
    with pytest.raises(
        ApiError, match="This payment was already used for something else here; a payment buys only one thing."
    ) as refused:
        await money.charge(paid, replace(sale, product="something else"))
    assert (refused.value.code, len(bank.settled)) == ("payment_conflict", 1)


async def test_the_facilitator_never_sees_the_identifier(shop: AsyncClient, proof: MakeProof, bank):
    await buy(shop, proof())
    assert [claim.document.get("extensions") for claim in (*bank.verified, *bank.settled)] == [None, None]
