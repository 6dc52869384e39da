import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from httpx2 import ASGITransport, AsyncClient, Response

from img402_mcp.host.app import create_app
from img402_mcp.host.serving.response import PIECE, parse_range
from img402_mcp.host.settings import HostSettings
from tests.fakes.fixtures import Hosting, Sample


async def uploaded(client: AsyncClient, image: bytes) -> str:
    """The path of the image's URL."""
    url = (await client.post("/api/free", files={"image": image})).json()["url"]
    return str(url).removeprefix("https://i.example")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_an_image_is_served_with_safe_headers(client: AsyncClient, sample: Sample, method: str):
    image = sample("plain.png")
    path = await uploaded(client, image)
    response = await client.request(method, path)
    del response.headers["x-request-id"]
    assert (response.status_code, dict(response.headers), response.content) == (
        200,
        {
            "content-type": "image/png",
            "content-length": str(len(image)),
            "cache-control": "public, max-age=604799",
            "etag": f'"{path[1:-4]}"',
            "accept-ranges": "bytes",
            "access-control-allow-origin": "*",
            "cross-origin-resource-policy": "cross-origin",
            "content-security-policy": "default-src 'none'; sandbox",
            "x-content-type-options": "nosniff",
        },
        image if method == "GET" else b"",
    )


@pytest.mark.parametrize(
    ("days", "passed", "cache_control"),
    [
        pytest.param("7", timedelta(0), "public, max-age=604799", id="new"),
        pytest.param("7", timedelta(days=6, hours=23), "public, max-age=3599", id="an-hour-left"),
        pytest.param("0", timedelta(days=5000), "public, max-age=31536000, immutable", id="for-ever"),
        pytest.param("3650", timedelta(0), "public, max-age=31536000, immutable", id="ten-years"),
    ],
)
async def test_a_cache_never_outlives_the_image(
    hosting: Hosting, sample: Sample, clock: SimpleNamespace, days: str, passed: timedelta, cache_control: str
):
    async with hosting(IMG402_HOST_FREE_DAYS=days) as client:
        path = await uploaded(client, sample("plain.png"))
        clock.now += passed
        assert (await client.get(path)).headers["cache-control"] == cache_control


def assert_missing(response: Response) -> None:
    assert (response.status_code, response.json(), response.headers["cache-control"]) == (
        404,
        {"error": "not_found", "message": "There is no such image; it may have expired."},
        "no-store",
    )


async def test_an_expired_image_is_missing_before_the_cleanup(
    client: AsyncClient, sample: Sample, clock: SimpleNamespace
):
    path = await uploaded(client, sample("plain.png"))
    clock.now += timedelta(days=7) - timedelta(milliseconds=1)
    assert (await client.get(path)).status_code == 200
    clock.now += timedelta(milliseconds=1)
    assert_missing(await client.get(path, headers={"If-None-Match": "*"}))


async def test_only_the_exact_name_is_the_image(client: AsyncClient, sample: Sample):
    path = await uploaded(client, sample("plain.png"))
    stem = path[1:-4]
    for name in (stem, f"{stem}.jpg", f"{stem}.PNG", f"{stem.upper()}.png", f"{stem}.png%0A", f"{stem[1:]}.png", "%00"):
        assert_missing(await client.get(f"/{name}"))


@pytest.mark.parametrize("name", ["..%2f..%2findex.sqlite", "%2e%2e", "kept", "index.sqlite"])
async def test_nothing_but_images_can_be_read(client: AsyncClient, name: str):
    assert (await client.get(f"/{name}")).status_code == 404


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("known", "status"),
    [
        pytest.param("{etag}", 304, id="the-same"),
        pytest.param("W/{etag}", 304, id="weak"),
        pytest.param('"other", {etag}', 304, id="in-a-list"),
        pytest.param("*", 304, id="any"),
        pytest.param('"other"', 200, id="another"),
    ],
)
async def test_a_cached_image_is_not_sent_again(
    client: AsyncClient, sample: Sample, method: str, known: str, status: int
):
    path = await uploaded(client, sample("plain.png"))
    etag = (await client.head(path)).headers["etag"]
    response = await client.request(method, path, headers={"If-None-Match": known.format(etag=etag)})
    assert (response.status_code, response.headers["etag"]) == (status, etag)
    assert status == 200 or (response.content, response.headers["cache-control"]) == (b"", "public, max-age=604799")


@pytest.mark.parametrize(
    ("asked", "span"),
    [
        pytest.param("bytes=0-0", (0, 1), id="first-byte"),
        pytest.param("bytes=10-19", (10, 20), id="middle"),
        pytest.param("bytes=90-", (90, 100), id="open-end"),
        pytest.param("bytes=90-1000", (90, 100), id="past-the-end"),
        pytest.param("bytes=-10", (90, 100), id="last-bytes"),
        pytest.param("bytes=-1000", (0, 100), id="more-last-bytes-than-there-are"),
        pytest.param(None, (0, 100), id="none"),
        pytest.param("bytes=0-1,5-6", (0, 100), id="several"),
        pytest.param("bytes=5-4", (0, 100), id="backwards"),
        pytest.param("bytes=-", (0, 100), id="neither"),
        pytest.param("bytes=a-b", (0, 100), id="letters"),
        pytest.param("lines=0-1", (0, 100), id="another-unit"),
        pytest.param("bytes=" + "9" * 5000 + "-", (0, 100), id="absurd"),
        pytest.param("bytes=100-", None, id="behind-the-end"),
        pytest.param("bytes=-0", None, id="no-last-bytes"),
    ],
)
def test_one_range_is_understood_and_anything_else_ignored(asked: str | None, span: tuple[int, int] | None):
    assert parse_range(asked, 100) == span


@pytest.mark.parametrize(
    ("if_range", "status"),
    [
        pytest.param(None, 206, id="absent"),
        pytest.param("{etag}", 206, id="same"),
        pytest.param('"other"', 200, id="other"),
    ],
)
async def test_a_range_is_a_206_unless_the_image_has_changed(
    client: AsyncClient, sample: Sample, if_range: str | None, status: int
):
    image = sample("plain.png")
    path = await uploaded(client, image)
    headers = {"Range": "bytes=5-9"}
    if if_range:
        headers["If-Range"] = if_range.format(etag=(await client.head(path)).headers["etag"])
    response = await client.get(path, headers=headers)
    assert (response.status_code, response.content, response.headers.get("content-range")) == (
        (206, image[5:10], f"bytes 5-9/{len(image)}") if status == 206 else (200, image, None)
    )


async def test_a_range_outside_the_image_is_a_416(client: AsyncClient, sample: Sample):
    response = await client.get(await uploaded(client, sample("plain.png")), headers={"Range": "bytes=9999-"})
    assert (response.status_code, response.headers["content-range"], response.json()) == (
        416,
        "bytes */1217",
        {"error": "range_not_satisfiable", "message": "The image has 1217 bytes; the range asked for lies outside."},
    )


async def test_a_large_image_is_sent_in_pieces(hosting: Hosting, picture_of: Callable[..., bytes]):
    image = picture_of(300, 200, padding=2 * PIECE)
    async with hosting(IMG402_HOST_FREE_MAX_BYTES=str(3 * PIECE)) as client:
        path = await uploaded(client, image)
        assert (await client.get(path)).content == image
        assert_missing(await client.get(path.replace(".png", ".jpg")))
        part = await client.get(path, headers={"Range": f"bytes=7-{PIECE + 99}"})
        assert (part.status_code, part.content) == (206, image[7 : PIECE + 100])


@pytest.mark.one_machine
async def test_an_image_removed_by_hand_is_gone_within_seconds(
    client: AsyncClient, sample: Sample, clock: SimpleNamespace, data: Path
):
    path = await uploaded(client, sample("plain.png"))
    assert (await client.get(path)).status_code == 200
    with closing(sqlite3.connect(data / "index.sqlite")) as database:
        database.execute("DELETE FROM images")
        database.commit()
    clock.now += timedelta(seconds=5)
    assert_missing(await client.get(path))


@pytest.mark.one_machine
async def test_a_host_whose_database_fails_says_so_in_json(settings: Callable[..., HostSettings], data: Path):
    app = create_app(settings())
    with closing(sqlite3.connect(data / "index.sqlite")) as database:
        database.execute("DROP TABLE images")
    transport = ASGITransport(app, raise_app_exceptions=False)
    async with app.router.lifespan_context(app), AsyncClient(transport=transport, base_url="http://h") as client:
        response = await client.get("/aaaaaaaaaaaaa.png")
    assert (response.status_code, response.json()) == (
        503,
        {
            "error": "unavailable",
            "message": "The host cannot reach its store or its database. Try again later.",
        },
    )


@pytest.mark.one_machine
async def test_bytes_that_were_removed_meanwhile_are_missing(client: AsyncClient, sample: Sample, data: Path):
    path = await uploaded(client, sample("plain.png"))
    (data / "blobs" / "kept" / path[1:]).unlink()
    assert_missing(await client.get(path))


@pytest.mark.one_machine
@pytest.mark.parametrize("size", [1000, 300_000, PIECE + 1], ids=["kept-in-memory", "one-piece", "several"])
@pytest.mark.parametrize("asked", [{}, {"Range": "bytes=5-"}], ids=["whole", "range"])
async def test_damaged_bytes_are_not_served_and_not_cached(
    hosting: Hosting,
    picture_of: Callable[..., bytes],
    data: Path,
    caplog: pytest.LogCaptureFixture,
    size: int,
    asked: dict[str, str],
):
    async with hosting(IMG402_HOST_FREE_MAX_BYTES=str(2 * PIECE)) as client:
        image = picture_of(100, 100, padding=size)
        path = await uploaded(client, image)
        file = data / "blobs" / "kept" / path[1:]
        os.truncate(file, 500)
        answers = [await client.get(path, headers=asked) for _ in range(2)]
        assert [(it.status_code, it.json()["error"], "etag" in it.headers) for it in answers] == [
            (503, "unavailable", False)
        ] * 2
        assert {it.headers["cache-control"] for it in answers} == {"no-store"}
        assert f"{path[1:]} has " in caplog.text
        file.write_bytes(image)
        assert (await client.get(path)).content == image


@pytest.mark.parametrize("path", ["/api/free/", "/healthz/", "/abc.png/", "/api/upload/token/"])
async def test_no_redirect_repeats_the_requests_host_header(client, path: str):
    answer = await client.post(path, headers={"Host": "evil.example"})
    assert answer.status_code in {404, 405}
    assert "location" not in answer.headers
