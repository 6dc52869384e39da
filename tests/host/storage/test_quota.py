"""A full host says so, accepts no uploads, and keeps serving what it has."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from img402_mcp.host.apis.io42.accounts import Io42Accounts
from img402_mcp.host.apis.studio.accounts import StudioAccounts
from img402_mcp.host.db.database import Database
from img402_mcp.host.settings import HostSettings
from img402_mcp.host.storage.quota import Quota, StorageFull
from tests.fakes.fixtures import Hosting, Sample
from tests.fakes.uploads import upload_free


async def test_a_full_host_refuses_until_there_is_room_and_serves_what_it_has(
    hosting: Hosting, sample: Sample, clock: SimpleNamespace, on_disk: Callable[[], list[str]]
):
    async with hosting(IMG402_HOST_MAX_TOTAL_BYTES="3000") as client:
        good = [(await upload_free(client, sample("plain.png"))).json() for _ in range(2)]
        refused = await upload_free(client, sample("plain.png"))
        assert (refused.status_code, refused.headers["retry-after"], refused.json()) == (
            507,
            "600",
            {
                "error": "storage_full",
                "message": "The host is full (it keeps at most 3000 bytes (2.93 KB)) and accepts no uploads until "
                "there is room. Nothing was stored.",
            },
        )
        assert on_disk() == sorted(it["url"].rpartition("/")[2] for it in good)
        assert [(await client.get(it["url"])).status_code for it in good] == [200, 200]
        await client.delete(good[0]["deleteUrl"])
        clock.now += timedelta(seconds=6)
        assert (await upload_free(client, sample("plain.png"))).status_code == 200


async def test_a_refused_upload_counts_against_no_daily_cap(hosting: Hosting, sample: Sample, clock: SimpleNamespace):
    async with hosting(IMG402_HOST_MAX_TOTAL_BYTES="1300", IMG402_HOST_FREE_DAILY="2") as client:
        first = (await upload_free(client, sample("plain.png"))).json()
        assert [(await upload_free(client, sample("plain.png"))).status_code for _ in range(3)] == [507] * 3
        await client.delete(first["deleteUrl"])
        clock.now += timedelta(seconds=6)
        assert (await upload_free(client, sample("plain.png"))).status_code == 200


async def test_what_others_stored_is_counted_after_some_seconds(
    hosting: Hosting, sample: Sample, clock: SimpleNamespace
):
    async with hosting(IMG402_HOST_MAX_TOTAL_BYTES="3000") as one, hosting(IMG402_HOST_MAX_TOTAL_BYTES="3000") as two:
        statuses = [(await upload_free(client, sample("plain.png"))).status_code for client in (one, two, one)]
        clock.now += timedelta(seconds=6)
        statuses += [(await upload_free(client, sample("plain.png"))).status_code for client in (one, two)]
    assert statuses == [200, 200, 200, 507, 507]


async def test_the_disk_is_never_filled_to_its_last_byte(hosting: Hosting, sample: Sample):
    async with hosting(IMG402_HOST_MIN_FREE_BYTES=str(1 << 60)) as client:
        refused = await upload_free(client, sample("plain.png"))
    assert (refused.status_code, refused.json()["error"]) == (507, "storage_full")
    assert "of its disk would be left" in refused.json()["message"]


async def test_nobody_is_asked_to_pay_where_there_is_no_room(hosting: Hosting, sample: Sample):
    selling = {"IMG402_HOST_PAY_TO": "0x" + "1" * 40, "IMG402_HOST_FACILITATOR": "play"}
    small = {"IMG402_HOST_MAX_TOTAL_BYTES": "3000", "IMG402_HOST_PAID_MAX_BYTES": "1800"}
    async with hosting(**small, **selling) as client:
        assert (await client.post("/api/upload/token")).status_code == 402
        await upload_free(client, sample("plain.png"))
        asked = [await client.post("/api/upload/token", json={}) for _ in range(2)]
    assert [(it.status_code, it.json()["error"]) for it in asked] == [(507, "storage_full")] * 2


async def test_the_studio_and_io42_say_it_in_their_own_envelopes(
    hosting: Hosting, accounts: Io42Accounts, tokens: StudioAccounts, sample: Sample
):
    key, token = accounts.add_agent("bot")["key"], tokens.add_token("app", may_upload=True)["token"]
    accounts.add_project("p", "0", "open", "image")
    accounts.add_submission("s", "p", "bot")
    async with hosting(IMG402_HOST_MAX_TOTAL_BYTES="10") as client:
        studio = await client.post(
            "/v1/uploads", files={"file": sample("plain.png")}, headers={"Authorization": f"Bearer {token}"}
        )
        io42 = await client.post(
            "/api/agents/projects/p/submissions/s",
            json={"fileName": "a.png", "fileType": "image/png", "fileSize": 1217},
            headers={"Authorization": f"Bearer {key}"},
        )
    assert (studio.status_code, studio.json()["detail"][:16]) == (507, "The host is full")
    assert (io42.status_code, io42.json()["error"]["code"], io42.headers["retry-after"]) == (
        500,
        "UPLOAD_FAILED",
        "600",
    )


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        pytest.param("IMG402_HOST_DELETE", "yes", 'IMG402_HOST_DELETE is "yes"; it must be on or off.', id="delete"),
        pytest.param(
            "IMG402_HOST_METRICS",
            "9402",
            'IMG402_HOST_METRICS is "9402"; give an address and a separate port, such as 127.0.0.1:9402, or off.',
            id="no-address",
        ),
        pytest.param(
            "IMG402_HOST_METRICS",
            "127.0.0.1:9402/metrics",
            'IMG402_HOST_METRICS is "127.0.0.1:9402/metrics"; give an address and a separate port, such as '
            "127.0.0.1:9402, or off.",
            id="a-path",
        ),
    ],
)
def test_an_unusable_quota_is_refused(settings: Callable[..., object], name, value, sentence):
    with pytest.raises(Exception, match="IMG402_HOST") as refused:
        settings(**{name: value})
    assert str(refused.value) == sentence


@pytest.fixture
def quota(settings: Callable[..., HostSettings], data: Path, clock: SimpleNamespace) -> Iterator[Quota]:
    """A quota of 3000 bytes, with nothing stored."""
    data.mkdir(exist_ok=True)
    with closing(Database(settings().database)) as database:
        yield Quota(database, data, 3000, 0, lambda: clock.now)


def test_uploads_in_flight_count_also_after_the_next_sum(quota: Quota, clock: SimpleNamespace):
    with quota.room(2000):
        clock.now += timedelta(seconds=6)
        with pytest.raises(StorageFull):
            quota.check(1001)
    with pytest.raises(StorageFull):
        quota.check(1001)
    clock.now += timedelta(seconds=6)
    quota.check(3000)  # there are no rows


def test_a_failed_upload_gives_its_room_back_and_a_paid_one_is_never_refused(quota: Quota):
    for _ in range(20):
        with pytest.raises(OSError, match="disk"), quota.room(2000):
            raise OSError("disk")
    with quota.hold(2000):
        pass
    quota.check(3000)
    with quota.room(2000), quota.room(2000, owed=True), pytest.raises(StorageFull):
        quota.check(1)
