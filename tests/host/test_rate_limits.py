"""Daily caps and hourly limits: what counts, for whom, and that several workers agree."""

from asyncio import gather
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from types import SimpleNamespace

import pytest
from httpx2 import ASGITransport, AsyncClient
from sqlalchemy import insert, select
from starlette.types import ASGIApp

from img402_mcp.host.app import create_app
from img402_mcp.host.cleanup import remove_orphans
from img402_mcp.host.client_address import client_address, shared_by
from img402_mcp.host.db.database import Database
from img402_mcp.host.rate_limits import _COUNTS, HourlyLimits
from img402_mcp.host.settings import HostSettings, host_settings
from img402_mcp.host.storage.images import Images
from img402_mcp.host.storage.opening import open_blobs
from tests.fakes.fixtures import Hosting, Sample
from tests.fakes.uploads import upload_free


def caller(app: ASGIApp, address: str) -> AsyncClient:
    return AsyncClient(transport=ASGITransport(app, client=(address, 1234)), base_url="http://h")


@pytest.mark.one_machine
async def test_the_cap_for_all_is_refused_until_midnight(
    hosting: Hosting, sample: Sample, clock: SimpleNamespace, on_disk: Callable[[], list[str]]
):
    async with hosting(IMG402_HOST_FREE_DAILY="2") as client:
        for _ in range(2):
            assert (await upload_free(client, sample("plain.png"))).status_code == 200
        for body in (sample("plain.png"), b"no image"):  # refused by the database; then before a byte is read
            refused = await upload_free(client, body)
            assert (refused.status_code, refused.headers["retry-after"], refused.json()) == (
                429,
                "43200",
                {
                    "error": "daily_limit",
                    "message": "The daily limit of 2 for all free uploads is reached. "
                    "Try again after midnight UTC (2026-02-09T00:00Z).",
                },
            )
        assert len(on_disk()) == 2
        clock.now += timedelta(seconds=43200)
        assert (await upload_free(client, sample("plain.png"))).status_code == 200


async def test_the_cap_of_one_address_is_not_that_of_another(settings: Callable[..., HostSettings], sample: Sample):
    app = create_app(settings(IMG402_HOST_FREE_DAILY_PER_ADDRESS="1"))
    async with (
        app.router.lifespan_context(app),
        caller(app, "2001:db8::1") as one,
        caller(app, "2001:db8::2") as neighbour,
        caller(app, "2001:db8:0:1::1") as other,
    ):
        assert (await upload_free(one, sample("plain.png"))).status_code == 200
        refused = await upload_free(neighbour, sample("plain.png"))
        assert refused.json()["message"].startswith(
            "The daily limit of 1 for free uploads from your address is reached."
        )
        assert (await upload_free(other, sample("plain.png"))).status_code == 200


async def test_a_refused_upload_is_not_counted(hosting: Hosting, sample: Sample):
    async with hosting(IMG402_HOST_FREE_DAILY="1") as client:
        assert (await upload_free(client, sample("plain.png")[:600])).status_code == 400
        assert (await upload_free(client, sample("plain.png"))).status_code == 200


async def test_zero_means_no_cap(hosting: Hosting, sample: Sample):
    async with hosting(IMG402_HOST_FREE_DAILY="0", IMG402_HOST_FREE_DAILY_PER_ADDRESS="0") as client:
        assert (await upload_free(client, sample("plain.png"))).status_code == 200


async def test_several_workers_at_once_stay_under_one_cap(settings: Callable[..., HostSettings], sample: Sample):
    async def upload_to(app: ASGIApp) -> int:
        async with caller(app, "192.0.2.1") as client:
            return (await upload_free(client, sample("plain.png"))).status_code

    apps = [create_app(settings(IMG402_HOST_FREE_DAILY="5")) for _ in range(3)]
    async with (
        apps[0].router.lifespan_context(apps[0]),
        apps[1].router.lifespan_context(apps[1]),
        apps[2].router.lifespan_context(apps[2]),
    ):
        statuses = await gather(*map(upload_to, apps * 4))
    assert sorted(statuses) == [200] * 5 + [429] * 7


def test_counts_of_yesterday_stay_for_uploads_that_began_before_midnight(
    settings: Callable[..., HostSettings], sample: Sample, clock: SimpleNamespace
):
    """A cleanup that removed their rows could wait for them while they wait for it."""
    blobs = open_blobs(settings().blobs, settings().objects)
    database = Database(settings().database)
    today = clock.now.replace(hour=0, minute=0, second=0, microsecond=0)
    with database.transaction() as connection:
        for days in range(3):
            connection.execute(insert(_COUNTS), {"start": today - timedelta(days), "who": "free *", "used": 1})
    remove_orphans(Images(database), blobs, clock.now)
    with database.reading() as connection:
        left = set(connection.execute(select(_COUNTS.c.start)).scalars())
    database.close()
    assert left == {today, today - timedelta(days=1)}


def test_a_request_over_the_limit_of_all_takes_nothing_from_its_own(
    settings: Callable[..., HostSettings], clock: SimpleNamespace, data: Path
):
    data.mkdir()
    with closing(Database(settings().database)) as database:
        limits = HourlyLimits(database, "io42", 9, 2)
        taken = [limits.take(who, clock.now) for who in ("a", "a", "b", "b", "a")]
    assert [(it.remaining, it.exceeded) for it in taken] == [(8, False), (7, False), (9, True), (9, True), (7, True)]


PROXIES = "127.0.0.1, 10.0.0.0/8, 2001:db8::/32"


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        pytest.param("192.0.2.1", [], "192.0.2.1", id="no-proxy"),
        pytest.param("192.0.2.1", ["198.51.100.1"], "192.0.2.1", id="a-stranger-claims-to-forward"),
        pytest.param("127.0.0.1", [], "127.0.0.1", id="the-proxy-itself"),
        pytest.param("127.0.0.1", ["198.51.100.1"], "198.51.100.1", id="one-proxy"),
        pytest.param("127.0.0.1", ["1.1.1.1, 198.51.100.1"], "198.51.100.1", id="the-client-lied-before-it"),
        pytest.param("127.0.0.1", ["1.1.1.1", "198.51.100.1"], "198.51.100.1", id="the-same-in-two-lines"),
        pytest.param("127.0.0.1", ["198.51.100.1, 10.1.2.3"], "198.51.100.1", id="two-proxies"),
        pytest.param("127.0.0.1", ["10.1.2.3"], "10.1.2.3", id="proxies-only"),
        pytest.param("127.0.0.1", ["198.51.100.1, rubbish"], "127.0.0.1", id="not-an-address"),
        pytest.param("::ffff:127.0.0.1", ["::ffff:198.51.100.1"], "198.51.100.1", id="ipv4-within-ipv6"),
        pytest.param("2001:db8::5", ["2a00::1"], "2a00::1", id="ipv6"),
        pytest.param("127.0.0.1", ["fe80::1%eth0"], "fe80::1", id="a-zone-is-dropped"),
        pytest.param("fe80::1%eth0", [], "fe80::1", id="a-zone-of-the-peer-is-dropped"),
        pytest.param("127.0.0.1", ["::ffff:198.51.100.1%x"], "198.51.100.1", id="a-zone-of-ipv4"),
        pytest.param(None, ["198.51.100.1"], None, id="unix-socket"),
    ],
)
def test_only_our_own_proxies_are_believed(peer: str | None, forwarded: list[str], client: str | None):
    trusted = host_settings({"IMG402_HOST_TRUSTED_PROXIES": PROXIES}, public_url="http://h").trusted_proxies
    scope = {
        "type": "http",
        "client": (peer, 1) if peer else None,
        "headers": [(b"x-forwarded-for", line.encode()) for line in forwarded],
    }
    assert client_address(scope, trusted) == (ip_address(client) if client else None)


@pytest.mark.parametrize(
    ("address", "who"),
    [
        pytest.param("192.0.2.1", "192.0.2.1", id="ipv4"),
        pytest.param("2001:db8:1:2:3::4", "2001:db8:1:2::/64", id="ipv6"),
        pytest.param(None, "unknown", id="none"),
    ],
)
def test_one_customer_is_one_address(address: str | None, who: str):
    assert shared_by(ip_address(address) if address else None) == who
