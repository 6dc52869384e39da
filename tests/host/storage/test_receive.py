import base64
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from httpx2 import AsyncClient, Response

from img402_mcp.host.storage.images import parse_name
from tests.fakes.fixtures import Hosting, Sample
from tests.fakes.uploads import upload_free

HOW = (
    'Send the image as the multipart field "image": curl -F image=@screenshot.png https://i.example/api/free '
    '(or as JSON: {"file": "<base64>"}).'
)
MULTIPART = "multipart/form-data; boundary=b"


async def post(client: AsyncClient, content_type: str, body: bytes) -> Response:
    return await client.post("/api/free", content=body, headers={"Content-Type": content_type})


def in_json(text: str) -> bytes:
    return json.dumps({"file": text}).encode()


def status_and_body(response: Response) -> tuple[int, Any]:
    return response.status_code, response.json()


@pytest.mark.parametrize(
    ("name", "media_type", "extension"),
    [
        pytest.param("plain.png", "image/png", "png", id="png"),
        pytest.param("animated.png", "image/png", "png", id="animated-png"),
        pytest.param("exif.jpg", "image/jpeg", "jpg", id="jpeg"),
        pytest.param("animated.gif", "image/gif", "gif", id="gif"),
        pytest.param("extended.webp", "image/webp", "webp", id="webp"),
    ],
)
async def test_an_upload_is_answered_as_documented(
    client: AsyncClient, sample: Sample, name: str, media_type: str, extension: str
):
    image = sample(name)
    response = await upload_free(client, image)
    image_id = response.json()["id"]
    assert status_and_body(response) == (
        200,
        {
            "url": f"https://i.example/{image_id}.{extension}",
            "id": image_id,
            "contentType": media_type,
            "sizeBytes": len(image),
            "expiresAt": "2026-02-15T12:00:00.123Z",
            "deleteUrl": response.json()["deleteUrl"],  # ours, next to the documented fields
        },
    )
    assert parse_name(f"{image_id}.{extension}")
    assert (await client.get(response.json()["url"])).content == image


@pytest.mark.parametrize("prefix", ["", "data:image/png;base64,"], ids=["bare", "data-url"])
async def test_json_with_base64_is_an_upload_too(client: AsyncClient, sample: Sample, prefix: str):
    image = sample("plain.png")
    response = await post(client, "application/json; charset=utf-8", in_json(prefix + base64.b64encode(image).decode()))
    assert response.json()["sizeBytes"] == len(image)
    assert (await client.get(response.json()["url"])).content == image


async def test_other_fields_are_ignored(client: AsyncClient, sample: Sample):
    response = await client.post("/api/free", files={"image": sample("plain.png")}, data={"title": "a shot"})
    assert response.status_code == 200


async def test_images_are_kept_for_ever_where_the_days_are_zero(hosting: Hosting, sample: Sample):
    async with hosting(IMG402_HOST_FREE_DAYS="0") as client:
        assert (await upload_free(client, sample("plain.png"))).json()["expiresAt"] is None


async def test_the_host_header_never_decides_the_url(client: AsyncClient, sample: Sample):
    response = await client.post(
        "/api/free", files={"image": sample("plain.png")}, headers={"Host": "evil.example", "X-Forwarded-Host": "evil"}
    )
    assert response.json()["url"].startswith("https://i.example/")


def form(*parts: tuple[str, bytes], end: bytes = b"--b--\r\n") -> bytes:
    head = '--b\r\nContent-Disposition: form-data; name="{}"; filename="x"\r\n\r\n'
    return b"".join(head.format(name).encode() + data + b"\r\n" for name, data in parts) + end


PNG = b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize(
    ("content_type", "body", "code", "message"),
    [
        pytest.param(
            MULTIPART,
            form(("file", PNG)),
            "no_file",
            f'The form has "file" and no field "image". {HOW}',
            id="file-field",
        ),
        pytest.param(
            MULTIPART,
            form(("a", b""), ("b\x1b[2J", b"")),
            "no_file",
            f'The form has "a", "b\\x1b[2J" and no field "image". {HOW}',
            id="other-fields",
        ),
        pytest.param(
            MULTIPART,
            b"--b--\r\n",
            "no_file",
            f'The form has no field at all and no field "image". {HOW}',
            id="no-field",
        ),
        pytest.param(
            MULTIPART, b"", "no_file", f'The form has no field at all and no field "image". {HOW}', id="nothing"
        ),
        pytest.param(
            MULTIPART,
            form(("image", PNG), ("image", PNG)),
            "no_file",
            f'The form has the field "image" twice; send one image per request. {HOW}',
            id="two-images",
        ),
        pytest.param(
            MULTIPART,
            form(("image", PNG), end=b""),
            "no_file",
            f"The multipart body ends before its closing boundary. {HOW}",
            id="no-closing-boundary",
        ),
        pytest.param(
            MULTIPART,
            form(*[("x", b"")] * 17),
            "no_file",
            f"The form has more than 16 fields. {HOW}",
            id="too-many-fields",
        ),
        pytest.param(
            MULTIPART,
            b"--b\r\nX: " + b"x" * 5000 + b"\r\n\r\n",
            "no_file",
            f"The multipart body is malformed: Maximum header size exceeded. {HOW}",
            id="long-part-header",
        ),
        pytest.param(
            MULTIPART,
            b"--b\r\n" + b"X: x\r\n" * 9 + b"\r\n",
            "no_file",
            f"The multipart body is malformed: Maximum header count exceeded. {HOW}",
            id="many-part-headers",
        ),
        pytest.param(
            "multipart/form-data",
            PNG,
            "no_file",
            f'The request\'s Content-Type is "multipart/form-data": no multipart form and no JSON. {HOW}',
            id="no-boundary",
        ),
        pytest.param(
            "application/x-www-form-urlencoded",
            PNG,
            "no_file",
            f'The request\'s Content-Type is "application/x-www-form-urlencoded": no multipart form and no JSON. {HOW}',
            id="curl--data-binary",
        ),
        pytest.param(
            "", PNG, "no_file", f'The request\'s Content-Type is "": no multipart form and no JSON. {HOW}', id="curl-T"
        ),
        pytest.param(
            "application/json", b"{", "no_file", f"The body claims to be JSON, but is not. {HOW}", id="half-json"
        ),
        pytest.param(
            "application/json", b"[" * 100_000, "no_file", f"The JSON has more than 500 values. {HOW}", id="deep-json"
        ),
        pytest.param(
            "application/json",
            b'{"image": ""}',
            "no_file",
            f'The JSON has no string "file". {HOW}',
            id="json-image-key",
        ),
        pytest.param("application/json", b"[]", "no_file", f'The JSON has no string "file". {HOW}', id="json-list"),
        pytest.param(
            "application/json",
            in_json("iVBO\nRw0K"),
            "no_file",
            f'"file" is not base64 (standard alphabet, padded, no line breaks). {HOW}',
            id="base64-with-line-breaks",
        ),
        pytest.param(
            MULTIPART,
            form(("image", b"")),
            "empty_file",
            "The image has zero bytes. Check that it was completely written before it was sent.",
            id="empty-file",
        ),
        pytest.param(
            "application/json",
            in_json(""),
            "empty_file",
            "The image has zero bytes. Check that it was completely written before it was sent.",
            id="empty-base64",
        ),
        pytest.param(
            MULTIPART,
            form(("image", b"%PDF-1.7" + b" " * 100)),
            "unsupported_format",
            "The file is a PDF; render it to PNG first. PNG, JPEG, GIF and WebP are accepted; "
            "the bytes decide, not the name.",
            id="pdf",
        ),
        pytest.param(
            MULTIPART,
            form(("image", b"PK\x03\x04")),
            "unsupported_format",
            "The file is a zip archive (or an Office document). PNG, JPEG, GIF and WebP are accepted; "
            "the bytes decide, not the name.",
            id="short-zip",
        ),
        pytest.param(
            MULTIPART,
            form(("image", PNG)),
            "unsupported_format",
            "The file is a PNG that is cut off, or still being written: try again once it is complete, or save it "
            "again. PNG, JPEG, GIF and WebP are accepted; "
            "the bytes decide, not the name.",
            id="cut-off-png",
        ),
    ],
)
async def test_a_refusal_names_what_came_and_the_way_out(
    client: AsyncClient,
    on_disk: Callable[[], list[str]],
    content_type: str,
    body: bytes,
    code: str,
    message: str,
):
    response = await post(client, content_type, body)
    assert status_and_body(response) == (400, {"error": code, "message": message})
    assert on_disk() == []


TOO_LARGE = {
    "error": "file_too_large",
    "message": "The request carries more than the 1217 bytes (1.188 KB) that an image may have here. "
    "Make the image smaller (fewer pixels, or WebP) and send it again.",
}


@pytest.mark.parametrize("extra", [0, 1], ids=["at-the-limit", "one-byte-over"])
@pytest.mark.parametrize("kind", ["multipart", "json"])
async def test_the_limit_is_exact(hosting: Hosting, sample: Sample, kind: str, extra: int):
    image = sample("plain.png")
    async with hosting(IMG402_HOST_FREE_MAX_BYTES=str(len(image))) as client:
        sent = image + b"x" * extra
        response = (
            await upload_free(client, sent)
            if kind == "multipart"
            else await post(client, "application/json", in_json(base64.b64encode(sent).decode()))
        )
        assert response.json().get("sizeBytes") == (None if extra else len(image))
        assert not extra or status_and_body(response) == (400, TOO_LARGE)


@pytest.mark.parametrize("announced", [True, False], ids=["content-length", "chunked"])
@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        pytest.param(MULTIPART, form(("other", b"x" * 70_000)), id="multipart"),
        pytest.param("application/json", in_json("A" * 70_000), id="json"),
    ],
)
async def test_the_whole_body_is_bounded(
    hosting: Hosting, sample: Sample, *, content_type: str, body: bytes, announced: bool
):
    async def pieces():
        for at in range(0, len(body), 10_000):
            yield body[at : at + 10_000]

    async with hosting(IMG402_HOST_FREE_MAX_BYTES="1217") as client:
        response = await client.post(
            "/api/free", content=body if announced else pieces(), headers={"Content-Type": content_type}
        )
        assert status_and_body(response) == (400, TOO_LARGE)


async def test_an_upload_split_at_every_byte_is_the_same_upload(client: AsyncClient, sample: Sample):
    image = sample("lossy.webp")
    body = form(("other", b"\r\n--"), ("image", image))

    async def pieces():
        for at in range(len(body)):
            yield body[at : at + 1]

    response = await client.post("/api/free", content=pieces(), headers={"Content-Type": MULTIPART})
    assert (await client.get(response.json()["url"])).content == image


async def test_unknown_addresses_and_methods_are_answered_in_json(client: AsyncClient):
    assert status_and_body(await client.get("/no/such/page")) == (
        404,
        {"error": "not_found", "message": "Not Found. /openapi.json lists the routes."},
    )
    refused = await client.get("/api/free")
    assert status_and_body(refused) == (
        405,
        {"error": "method_not_allowed", "message": "Method Not Allowed. /openapi.json lists the routes."},
    )
    assert refused.headers["allow"] == "POST"


async def test_a_page_of_another_origin_may_upload(client: AsyncClient, sample: Sample):
    preflight = await client.options("/api/free", headers={"Origin": "https://app.example"})
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-headers"] == "Content-Type"
    assert (await upload_free(client, sample("plain.png"))).headers["access-control-allow-origin"] == "*"


async def test_an_expiry_follows_the_clock(client: AsyncClient, sample: Sample, clock: SimpleNamespace):
    clock.now = clock.now.replace(month=3)
    assert (await upload_free(client, sample("plain.png"))).json()["expiresAt"] == "2026-03-15T12:00:00.123Z"
