"""Paid images can be deleted too, but only by those who uploaded them."""

import pytest
from httpx2 import AsyncClient

from tests.fakes.fixtures import MakeProof, Sample

ALONE = {"version": 2, "identifier": None}
"""Once settled, such a proof is on the chain for everybody."""


async def upload(shop: AsyncClient, image: bytes, headers: dict[str, str]) -> dict[str, str]:
    answer: dict[str, str] = (await shop.post("/api/upload", files={"image": image}, headers=headers)).json()
    return answer


async def bought(shop: AsyncClient, headers: dict[str, str]) -> dict[str, str]:
    answer: dict[str, str] = (await shop.post("/api/upload/token", headers=headers)).json()
    return answer


@pytest.mark.parametrize("said", [{}, ALONE], ids=["with-identifier", "without"])
async def test_the_uploads_answer_has_the_delete_url(
    shop: AsyncClient, sample: Sample, proof: MakeProof, said: dict[str, int | None]
):
    answer = await upload(shop, sample("plain.png"), proof(**said))
    assert (await shop.delete(answer["deleteUrl"])).status_code == 204
    assert (await shop.get(answer["url"])).status_code == 404


async def test_a_replay_with_proof_and_identifier_gets_the_delete_url_again(
    shop: AsyncClient, sample: Sample, proof: MakeProof
):
    first = await upload(shop, sample("plain.png"), proof())
    assert await upload(shop, sample("plain.png"), proof()) == first
    assert await bought(shop, proof()) == first


async def test_a_replay_with_a_proof_read_from_the_chain_does_not_get_it(
    shop: AsyncClient, sample: Sample, proof: MakeProof
):
    token = (await bought(shop, proof(**ALONE)))["token"]
    first = await upload(shop, sample("plain.png"), {"X-Upload-Token": token})
    known = {name: value for name, value in first.items() if name != "deleteUrl"}
    again = [
        await upload(shop, sample("plain.png"), proof(**ALONE)),
        await bought(shop, proof(**ALONE)),
        await upload(shop, sample("plain.png"), {"X-Upload-Token": token}),
    ]
    assert "deleteUrl" in first
    assert again == [known] * 3


async def test_a_deleted_image_is_not_sold_again(shop: AsyncClient, sample: Sample, proof: MakeProof):
    answer = await upload(shop, sample("plain.png"), proof())
    await shop.delete(answer["deleteUrl"])
    assert await bought(shop, proof()) == {
        "error": "payment_conflict",
        "message": "The image that this payment bought has expired or was deleted.",
    }
