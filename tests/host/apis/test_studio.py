"""The studio's uploads (docs/specs/studio.md)."""

import re
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from httpx2 import AsyncClient, Response

from img402_mcp.host.apis.studio.accounts import StudioAccounts
from img402_mcp.host.cleanup import remove_expired_images, remove_orphans
from img402_mcp.host.storage.blobs.folder import Folder
from img402_mcp.host.storage.images import Images
from img402_mcp.wire import studio
from tests.fakes.fixtures import Hosting, Picture


@pytest.fixture
def bearer(tokens: StudioAccounts) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens.add_token('app', may_upload=True)['token']}"}


async def upload(client: AsyncClient, bearer: dict[str, str], image: bytes, field: str = "file") -> Response:
    return await client.post("/v1/uploads", files={field: ("photo.png", image)}, headers=bearer)


def status_and_body(answer: Response) -> tuple[int, Any]:
    return answer.status_code, answer.json()["detail"]


@pytest.mark.parametrize("name", ["plain.png", "baseline.jpg", "lossy.webp"])
async def test_an_upload_gets_a_key_and_a_preview(
    client: AsyncClient, bearer: dict[str, str], sample: Callable[[str], bytes], name: str
):
    image = sample(name)
    answer = await upload(client, bearer, image)
    stored = studio.StoredInput.model_validate_json(answer.content)
    preview = await client.get(stored.image_url)
    assert (answer.status_code, set(answer.json())) == (200, {"upload_key", "image_url"})
    assert re.fullmatch(rf"uploads/[a-z0-9]{{13}}\.{name[-4:].lstrip('.')}", stored.upload_key)
    assert (preview.status_code, preview.content) == (200, image)
    assert (preview.headers["Cache-Control"], preview.headers["X-Content-Type-Options"]) == (
        "private, no-store",
        "nosniff",
    )


async def test_the_preview_expires_and_the_file_stays(
    client: AsyncClient, bearer: dict[str, str], picture: Picture, clock: SimpleNamespace, on_disk: Callable[[], Any]
):
    stored = (await upload(client, bearer, picture())).json()
    clock.now += timedelta(minutes=15)
    dead = await client.get(stored["image_url"])
    assert (dead.status_code, dead.json()["error"]) == (403, "url_expired")
    assert on_disk() == [stored["upload_key"].removeprefix("uploads/")]


async def test_without_a_signature_nothing_is_served(client: AsyncClient, bearer: dict[str, str], picture: Picture):
    stored = (await upload(client, bearer, picture())).json()
    name = stored["upload_key"].removeprefix("uploads/")
    url = stored["image_url"]
    answers = [
        await client.get(address)
        for address in (f"/{name}", f"/previews/{name}", url.replace("expires=1", "expires=2"), url[:-1])
    ]
    assert [answer.status_code for answer in answers] == [404, 403, 403, 403]


async def test_a_get_url_does_not_accept_a_put(client: AsyncClient, bearer: dict[str, str], picture: Picture):
    url = (await upload(client, bearer, picture())).json()["image_url"]
    answer = await client.put(url.replace("/previews/", "/uploads/") + "&type=&size=0", content=b"")
    assert (answer.status_code, answer.json()["error"]) == (403, "access_denied")


async def test_a_preview_supports_ranges_and_head(client: AsyncClient, bearer: dict[str, str], picture: Picture):
    image = picture(size=3_000_000)
    url = (await upload(client, bearer, image)).json()["image_url"]
    part, head, whole = (
        await client.get(url, headers={"Range": "bytes=0-9"}),
        await client.head(url),
        await client.get(url),
    )
    assert (part.status_code, part.content) == (206, image[:10])
    assert (head.headers["Content-Length"], whole.content == image) == ("3000000", True)


@pytest.mark.usefixtures("bearer")  # another token that is known
@pytest.mark.parametrize(
    ("header", "detail"),
    [
        pytest.param({}, "Send a token: Authorization: Bearer <token>.", id="none"),
        pytest.param({"Authorization": "Bearer studio_0"}, "This token is unknown here.", id="unknown"),
    ],
)
async def test_without_a_token_the_answer_is_401(
    client: AsyncClient, picture: Picture, header: dict[str, str], detail: str
):
    answer = await upload(client, header, picture())
    assert status_and_body(answer) == (401, detail)
    assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_without_the_capability_the_answer_is_403(client: AsyncClient, tokens: StudioAccounts, picture: Picture):
    token = tokens.add_token("reader", may_upload=False)["token"]
    answer = await upload(client, {"Authorization": f"Bearer {token}"}, picture())
    assert status_and_body(answer) == (403, "This token does not have the capability to upload.")


async def test_a_removed_token_is_refused(
    client: AsyncClient, bearer: dict[str, str], tokens: StudioAccounts, picture: Picture
):
    tokens.remove_token("app")
    assert (await upload(client, bearer, picture())).status_code == 401


@pytest.mark.parametrize(
    ("field", "content", "kind", "message"),
    [
        pytest.param(
            "image",
            b"x",
            "missing",
            'The form has "image" and no field "file". Send the image as the multipart field "file": '
            "curl -H 'Authorization: Bearer TOKEN' -F file=@photo.png https://i.example/v1/uploads.",
            id="another-field",
        ),
        pytest.param(
            "file",
            b"",
            "empty_file",
            "The image has zero bytes. Check that it was completely written before it was sent.",
            id="empty",
        ),
        pytest.param(
            "file",
            b"%PDF-1.7" + bytes(100),
            "unsupported_format",
            "The file is a PDF; render it to PNG first. PNG, JPEG and WebP are accepted; the bytes decide, not the "
            "name.",
            id="pdf",
        ),
        pytest.param(
            "file",
            b"GIF89a" + bytes(100),
            "unsupported_format",
            "The file is a GIF. PNG, JPEG and WebP are accepted; the bytes decide, not the name.",
            id="gif",
        ),
    ],
)
async def test_an_unusable_input_is_refused_in_the_documented_shape(
    client: AsyncClient, bearer: dict[str, str], field: str, content: bytes, kind: str, message: str
):
    answer = await upload(client, bearer, content, field)
    assert status_and_body(answer) == (422, [{"loc": ["body", "file"], "msg": message, "type": kind}])
    studio.Invalid.model_validate_json(answer.content)


async def test_json_is_not_accepted_here(client: AsyncClient, bearer: dict[str, str]):
    answer = await client.post("/v1/uploads", json={"file": "aGk="}, headers=bearer)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["msg"].startswith(
        'The request\'s Content-Type is "application/json": no multipart form. '
    )


@pytest.mark.parametrize(("size", "status"), [(5000, 200), (5001, 413)])
async def test_the_limit_holds_to_the_byte(
    hosting: Hosting, bearer: dict[str, str], picture: Picture, size: int, status: int
):
    async with hosting(IMG402_HOST_STUDIO_MAX_BYTES="5000") as client:
        answer = await upload(client, bearer, picture(size=size))
    assert answer.status_code == status


async def test_too_large_is_a_413_with_a_reason(hosting: Hosting, bearer: dict[str, str], picture: Picture):
    async with hosting(IMG402_HOST_STUDIO_MAX_BYTES="5000") as client:
        answer = await upload(client, bearer, picture(size=200_000))
    sentence = (
        "The request carries more than the 5000 bytes (4.883 KB) that an image may have here. Make the image smaller "
        "(fewer pixels, or WebP) and send it again."
    )
    assert status_and_body(answer) == (413, sentence)


async def test_past_its_rate_a_token_waits(
    hosting: Hosting, bearer: dict[str, str], picture: Picture, clock: SimpleNamespace
):
    async with hosting(IMG402_HOST_STUDIO_HOURLY="1") as client:
        first, second = await upload(client, bearer, picture()), await upload(client, bearer, picture())
        clock.now += timedelta(hours=1)
        later = await upload(client, bearer, picture())
    assert [first.status_code, later.status_code] == [200, 200]
    assert status_and_body(second) == (429, "Rate limit exceeded. Try again when the hour is over.")
    assert (second.headers["Retry-After"], second.headers["X-RateLimit-Remaining"]) == ("3600", "0")


@pytest.mark.one_machine
async def test_the_cleanup_leaves_inputs_alone(
    client: AsyncClient,
    bearer: dict[str, str],
    picture: Picture,
    tokens: StudioAccounts,
    data: Any,
    clock: SimpleNamespace,
):
    stored = (await upload(client, bearer, picture())).json()
    blobs, years_later = Folder(data / "blobs"), clock.now + timedelta(days=20_000)
    remove_expired_images(Images(tokens.database), blobs, years_later)
    remove_orphans(Images(tokens.database), blobs, years_later)
    assert blobs.read(stored["upload_key"].removeprefix("uploads/"), 0, 8) == b"\x89PNG\r\n\x1a\n"
