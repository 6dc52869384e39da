"""Where readers get an image's bytes: announced at an edge, or sent by nginx from the folder."""

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace

import pytest
from httpx2 import AsyncClient

from img402_mcp.errors import SettingsError
from img402_mcp.host.apis.studio.accounts import StudioAccounts
from img402_mcp.host.settings import HostSettings
from tests.fakes.fixtures import Hosting, Sample
from tests.fakes.uploads import upload_free

EDGE = {"IMG402_HOST_IMAGE_URL": "https://cdn.example/img402/"}
ACCEL = {"IMG402_HOST_ACCEL_LOCATION": "/stored/"}
S3 = {"IMG402_HOST_BLOBS": "s3://bucket"}


async def test_images_are_announced_at_the_edge_and_still_served_here(hosting: Hosting, sample: Sample):
    async with hosting(**EDGE) as client:
        answer = (await upload_free(client, sample("plain.png"))).json()
        name = answer["url"].removeprefix("https://cdn.example/img402/")
        assert (name, answer["deleteUrl"].partition("?")[0]) == (
            f"{answer['id']}.png",
            f"https://i.example/delete/{name}",
        )
        assert (await client.get(f"/{name}")).content == sample("plain.png")
        assert "img-src 'self' blob: https://cdn.example;" in (await client.get("/")).headers["content-security-policy"]


async def test_an_id_begins_with_how_long_its_image_lives(client: AsyncClient, sample: Sample, tokens: StudioAccounts):
    bearer = {"Authorization": f"Bearer {tokens.add_token('app', may_upload=True)['token']}"}
    free = (await upload_free(client, sample("plain.png"))).json()["id"]
    private = (await client.post("/v1/uploads", files={"file": sample("plain.png")}, headers=bearer)).json()
    assert (free[0], len(free), private["upload_key"].removeprefix("uploads/")[0]) == ("f", 13, "x")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("asked", [{}, {"Range": "bytes=1-3"}, {"If-None-Match": "*"}], ids=["whole", "range", "known"])
async def test_nginx_is_shown_the_file_and_answers_ranges_and_conditions_itself(
    hosting: Hosting, sample: Sample, clock: SimpleNamespace, method: str, asked: dict[str, str]
):
    async with hosting(**ACCEL) as client:
        path = (await upload_free(client, sample("plain.png"))).json()["url"].removeprefix("https://i.example")
        answer = await client.request(method, path, headers=asked)
        assert (answer.status_code, answer.content, answer.headers["x-accel-redirect"]) == (200, b"", f"/stored{path}")
        assert (answer.headers["content-type"], answer.headers["cache-control"]) == (
            "image/png",
            "public, max-age=604799",
        )
        clock.now += timedelta(days=7)
        gone = await client.request(method, path, headers=asked)
        assert (gone.status_code, "x-accel-redirect" in gone.headers) == (404, False)


async def test_a_preview_is_sent_by_the_host_itself(hosting: Hosting, sample: Sample, tokens: StudioAccounts):
    bearer = {"Authorization": f"Bearer {tokens.add_token('app', may_upload=True)['token']}"}
    async with hosting(**ACCEL) as client:
        stored = (await client.post("/v1/uploads", files={"file": sample("plain.png")}, headers=bearer)).json()
        assert (await client.get(stored["image_url"])).content == sample("plain.png")


@pytest.mark.parametrize(
    ("environ", "shown"),
    [
        pytest.param({"IMG402_HOST_IMAGE_URL": "cdn.example"}, '"cdn.example"', id="no-scheme"),
        pytest.param({"IMG402_HOST_IMAGE_URL": "https://cdn.example?x"}, '"https://cdn.example?x"', id="a-query"),
        pytest.param({"IMG402_HOST_IMAGE_URL": "https://me:pw@cdn.example"}, '"...@cdn.example"', id="a-password"),
        pytest.param({"IMG402_HOST_IMAGE_MAX_AGE": "0"}, "1 to 86400", id="no-age"),
        pytest.param({"IMG402_HOST_ACCEL_LOCATION": "stored"}, "such as /stored/", id="no-location"),
        pytest.param({"IMG402_HOST_ACCEL_LOCATION": "/stored\r\nX: y/"}, "such as /stored/", id="a-header"),
        pytest.param({"IMG402_HOST_ACCEL_LOCATION": "/../"}, "such as /stored/", id="upwards"),
        pytest.param(ACCEL | S3, "IMG402_HOST_BLOBS names an object store", id="not-in-a-folder"),
    ],
)
def test_a_setting_that_cannot_be_meant_names_itself_and_the_way_out(
    settings: Callable[..., HostSettings], environ: dict[str, str], shown: str
):
    with pytest.raises(SettingsError) as refused:
        settings(**environ)
    assert str(refused.value).startswith(next(iter(environ)))
    assert shown in str(refused.value)
