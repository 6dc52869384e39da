"""A host on tiers: how long an image lives, and where that is stated."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.fakes.agent import agent, text
from tests.fakes.fixtures import Hosting, Sample
from tests.fakes.pictures import png
from tests.fakes.uploads import upload_free
from tests.fakes.wire import hosting as joined

TIERS = {"IMG402_HOST_FREE_TIERS": "2kB:forever,100kB:30d"}


@pytest.mark.parametrize(("size", "days"), [(2000, None), (2001, 30), (100_000, 30)])
async def test_an_image_lives_by_its_size(hosting: Hosting, size: int, days: int | None):
    async with hosting(**TIERS) as client:
        answer = (await upload_free(client, png(3, 2, size=size))).json()
    assert answer["sizeBytes"] == size
    if days is None:
        assert answer["expiresAt"] is None
    else:
        left = datetime.fromisoformat(answer["expiresAt"]) - datetime.now(UTC)
        assert abs(left - timedelta(days=days)) < timedelta(days=1000)


async def test_what_is_cut_off_does_not_count(hosting: Hosting):
    async with hosting(**TIERS) as client:
        answer = (await upload_free(client, png(3, 2, size=1990) + b"\0" * 500)).json()
    assert (answer["sizeBytes"], answer["expiresAt"]) == (1990, None)


async def test_what_is_over_the_largest_tier_is_refused(hosting: Hosting):
    async with hosting(**TIERS) as client:
        answer = await upload_free(client, png(3, 2, size=100_001))
    assert (answer.status_code, answer.json()["error"]) == (400, "file_too_large")


async def test_openapi_and_the_page_state_them(hosting: Hosting):
    async with hosting(**TIERS) as client:
        document = (await client.get("/openapi.json")).json()
        page = (await client.get("/")).text
    assert document["x-img402-limits"]["free"] | {"uploadsADay": 0, "uploadsADayPerAddress": 0} == {
        "maxBytes": 100_000,
        "days": 30,
        "tiers": [{"maxBytes": 2000, "days": None}, {"maxBytes": 100_000, "days": 30}],
        "uploadsADay": 0,
        "uploadsADayPerAddress": 0,
    }
    kept = "kept forever up to 2000 bytes, for 30 days up to 100000 bytes."
    assert document["paths"]["/api/free"]["post"]["summary"].endswith(kept)
    assert "kept for good up to 1.953 KB, for 30 days up to 97.66 KB" in page


async def test_without_tiers_none_are_stated(hosting: Hosting):
    async with hosting() as client:
        document = (await client.get("/openapi.json")).json()
    assert "tiers" not in document["x-img402-limits"]["free"]


async def test_the_client_reads_them(tmp_path, pictures, sample: Sample):
    (pictures / "a.png").write_bytes(png(3, 2, padding=5000))
    async with joined(tmp_path / "host", TIERS) as wire, agent(pictures, wire) as client:
        answer = await client.call_tool("upload_free", {"path": str(pictures / "a.png")})
        said = await client.call_tool("limits")
    assert "Images up to 2 kB are kept for good here: call again with keep=true." in text(answer)
    assert "kept for good up to 2000 bytes, kept 30 days up to 100000 bytes" in text(said)
