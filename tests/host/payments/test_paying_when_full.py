"""A paid upload is never refused for lack of space, and nobody pays where there is no space."""

from asyncio import gather
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace

from tests.fakes.bank import Bank
from tests.fakes.fixtures import Hosting, MakeProof, Sample
from tests.fakes.uploads import upload_paid

ROOM = {"IMG402_HOST_MAX_TOTAL_BYTES": "3000", "IMG402_HOST_PAID_MAX_BYTES": "1800"}


async def test_of_five_at_once_only_the_stored_ones_are_charged(
    selling: Hosting, sample: Sample, proof: MakeProof, bank: Bank, rows: Callable[[], list[str]]
):
    proofs = [proof(nonce=nonce, identifier=f"pay_0123456789abcde{nonce}") for nonce in range(5)]
    async with selling(**ROOM) as client:
        answers = await gather(*(upload_paid(client, sample("plain.png"), paid) for paid in proofs))
    statuses = [answer.status_code for answer in answers]
    assert (sorted(statuses), len(bank.book), len(rows())) == ([200, 200, 507, 507, 507], 2, 2)


async def test_a_token_is_good_on_a_full_host_and_its_replays_take_no_room(
    selling: Hosting, sample: Sample, proof: MakeProof, clock: SimpleNamespace
):
    async with selling(**ROOM) as client:
        paid = proof()
        token = (await client.post("/api/upload/token", headers=paid)).json()["token"]
        for _ in range(2):
            await client.post("/api/free", files={"image": sample("plain.png")})
        assert (await client.post("/api/free", files={"image": sample("plain.png")})).status_code == 507
        answers = [await upload_paid(client, sample("plain.png"), {"X-Upload-Token": token}) for _ in range(20)]
        assert {(it.status_code, it.json()["url"]) for it in answers} == {(200, answers[0].json()["url"])}
        clock.now += timedelta(seconds=6)
        again = await upload_paid(client, sample("plain.png"), paid)
        assert (again.status_code, again.json()["url"]) == (200, answers[0].json()["url"])


async def test_replays_and_refused_settlements_leave_the_room_to_others(
    selling: Hosting, sample: Sample, proof: MakeProof, bank: Bank
):
    async with selling(**ROOM) as client:
        token = (await client.post("/api/upload/token", headers=proof())).json()["token"]
        for _ in range(20):
            assert (await upload_paid(client, sample("plain.png"), {"X-Upload-Token": token})).status_code == 200
        bank.moods = ["refuses"] * 3
        other = proof(nonce=2, identifier="pay_another_0123456789")
        assert [(await upload_paid(client, sample("plain.png"), other)).status_code for _ in range(3)] == [402] * 3
        assert (await client.post("/api/free", files={"image": sample("plain.png")})).status_code == 200
