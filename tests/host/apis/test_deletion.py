"""An upload's answer carries the URL that takes the image down again, and nothing else does."""

import logging
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from httpx2 import ASGITransport, AsyncClient

from img402_mcp.host.app import create_app
from img402_mcp.host.settings import HostSettings
from tests.fakes.fixtures import Hosting, Sample


async def uploaded(client: AsyncClient, image: bytes) -> Any:
    return (await client.post("/api/free", files={"image": image})).json()


@pytest.fixture
async def answer(client: AsyncClient, sample: Sample) -> Any:
    return await uploaded(client, sample("plain.png"))


async def test_the_key_belongs_to_one_image_and_is_hard_to_guess(client: AsyncClient, answer: Any, sample: Sample):
    other = await uploaded(client, sample("plain.png"))
    keys = {it["deleteUrl"].removeprefix(f"https://i.example/delete/{it['id']}.png?key=") for it in (answer, other)}
    assert len(keys) == 2
    assert all(re.fullmatch("[0-9a-f]{40}", key) for key in keys)


async def test_delete_takes_effect_at_once_and_may_be_repeated(
    client: AsyncClient, answer: Any, rows: Callable[[], list[str]], on_disk: Callable[[], list[str]]
):
    assert (await client.get(answer["url"])).status_code == 200  # it is in the host's cache now
    deleted = [await client.delete(answer["deleteUrl"]) for _ in range(2)]
    assert [(it.status_code, it.content, it.headers["cache-control"]) for it in deleted] == [(204, b"", "no-store")] * 2
    assert (await client.get(answer["url"])).status_code == 404
    assert (rows(), on_disk()) == ([], [])


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_following_the_link_deletes_nothing(client: AsyncClient, answer: Any, method: str):
    page = await client.request(method, answer["deleteUrl"])
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert {name: page.headers[name] for name in ("cache-control", "referrer-policy", "x-robots-tag")} == {
        "cache-control": "no-store",
        "referrer-policy": "no-referrer",
        "x-robots-tag": "noindex",
    }
    assert (await client.get(answer["url"])).status_code == 200


async def test_the_page_asks_with_a_button_and_the_button_deletes(client: AsyncClient, answer: Any):
    page = await client.get(answer["deleteUrl"])
    assert '<form method="post"><button>Delete it</button></form>' in page.text
    assert f'<img src="../{answer["id"]}.png"' in page.text
    done = await client.post(answer["deleteUrl"])
    assert (done.status_code, "<h1>The image is deleted.</h1>" in done.text) == (200, True)
    assert (await client.get(answer["url"])).status_code == 404
    again = await client.get(answer["deleteUrl"])
    assert (again.status_code, "<h1>It is gone.</h1>" in again.text, "<form" in again.text) == (404, True, False)


async def test_the_page_of_an_expired_image_says_that_it_is_gone(
    client: AsyncClient, answer: Any, clock: SimpleNamespace
):
    clock.now += timedelta(days=8)
    page = await client.get(answer["deleteUrl"])
    assert (page.status_code, "<h1>It is gone.</h1>" in page.text) == (404, True)


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize(
    "key", ["", "?key=", "?key=" + "0" * 40, "?key=%ff%00"], ids=["none", "empty", "wrong", "junk"]
)
async def test_a_wrong_key_does_not_reveal_what_exists(client: AsyncClient, answer: Any, method: str, key: str):
    there, missing, nonsense = [
        await client.request(method, f"/delete/{name}{key}")
        for name in (f"{answer['id']}.png", "aaaaaaaaaaaaa.png", "..%2f..%2fetc")
    ]
    for it in (there, missing):
        del it.headers["x-request-id"]
    assert (there.status_code, there.content, there.headers) == (403, missing.content, missing.headers)
    assert there.json() == {
        "error": "access_denied",
        "message": "This is not a delete URL of this host. Use the URL exactly as it was in the upload's answer.",
    }
    assert nonsense.status_code in {403, 404}
    assert (await client.get(answer["url"])).status_code == 200


async def test_one_images_key_is_not_anothers(client: AsyncClient, answer: Any, sample: Sample):
    other = await uploaded(client, sample("plain.png"))
    crossed = answer["deleteUrl"].replace(answer["id"], other["id"])
    assert (await client.delete(crossed)).status_code == 403


async def test_the_key_is_in_no_log(client: AsyncClient, answer: Any, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG, "img402_mcp")
    await client.get(answer["deleteUrl"])
    await client.delete(answer["deleteUrl"])
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("img402_mcp")]
    assert len(ours) == 2
    assert answer["deleteUrl"].rpartition("=")[2] not in "".join(ours)


async def test_where_delete_urls_are_off_none_is_given_and_nothing_is_deleted(hosting: Hosting, sample: Sample):
    async with hosting() as client:
        before = await uploaded(client, sample("plain.png"))
    async with hosting(IMG402_HOST_DELETE="off") as client:
        assert set(await uploaded(client, sample("plain.png"))) == set(before) - {"deleteUrl"}
        assert (await client.delete(before["deleteUrl"])).status_code == 404
        assert (await client.get(before["url"])).status_code == 200


async def test_another_worker_drops_it_from_its_cache_within_five_seconds_however_often_it_is_asked(
    settings: Callable[..., HostSettings], clock: SimpleNamespace, sample: Sample, tmp_path: Path
):
    on_disk = replace(settings(), blobs=tmp_path)  # what is read from there the system may have in memory
    apps = [create_app(on_disk, now=lambda: clock.now) for _ in range(2)]
    first, second = (AsyncClient(transport=ASGITransport(app), base_url="https://i.example") for app in apps)
    async with (
        apps[0].router.lifespan_context(apps[0]),
        apps[1].router.lifespan_context(apps[1]),
        first,
        second,
    ):
        answer = await uploaded(first, sample("plain.png"))
        assert (await second.get(answer["url"])).status_code == 200
        await first.delete(answer["deleteUrl"])
        statuses = []
        for _ in range(3):
            clock.now += timedelta(seconds=2)
            statuses.append((await second.get(answer["url"])).status_code)
    assert statuses[-1] == 404
