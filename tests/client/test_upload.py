"""The uploader of a free upload, joined with a host in memory: what is made ready, remembered, reused, verified."""

import hashlib
import io
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import httpx2
import PIL.Image
import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from img402_mcp.client.apis.img402 import sizes_in
from img402_mcp.client.files.roots import Roots
from img402_mcp.client.settings import Settings
from img402_mcp.client.upload import UploadOptions, open_uploader
from img402_mcp.errors import ReadRefused, UploadRejected
from img402_mcp.host.app import create_app
from img402_mcp.host.settings import host_settings

API = "http://images.example"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pictures = tmp_path.resolve() / "pictures"
    pictures.mkdir()
    return pictures


@pytest.fixture(scope="session")
def drawn() -> bytes:
    """A drawing as PNG, of some 10,000 bytes."""
    picture = PIL.Image.radial_gradient("L").resize((160, 120)).convert("RGB")
    return as_png(picture)


@pytest.fixture(scope="session")
def noisy() -> bytes:
    """A PNG of some 1,600,000 bytes, which cannot be packed any better without loss."""
    return as_png(PIL.Image.effect_noise((800, 700), 60).convert("RGB"), level=0)


def as_png(picture, level: int = 6) -> bytes:
    packed = io.BytesIO()
    picture.save(packed, "PNG", compress_level=level)
    return packed.getvalue()


@asynccontextmanager
async def hosting(data: Path, now=None, **environ: str):
    app = create_app(host_settings(environ, data=data, public_url=API), **({"now": now} if now else {}))
    async with app.router.lifespan_context(app):
        yield httpx2.ASGITransport(app=app)


@asynccontextmanager
async def corridor_to(transport, folder: Path, api: str = API, **changes):
    settings = replace(Settings(api, (folder,), folder.parent / "state"), **changes)
    async with open_uploader(settings, Roots.resolve([folder]), transport) as uploader:
        yield uploader


async def served(transport, url: str) -> bytes:
    async with httpx2.AsyncClient(transport=transport) as browser:
        return (await browser.get(url)).content


class Api:
    """An img402 API that refuses what is larger than `limit` in its own words, and keeps the sizes it was sent.

    `stated` is what it says of itself. A `choosy` one never takes the first format that comes beside PNG. What it
    serves is `served`.
    """

    def __init__(
        self, limit: int = 10**8, words: str = "The file exceeds the limit.", *, stated=None, choosy: bool = False
    ) -> None:
        self.sizes: list[int] = []
        self.questions = 0
        self.served: Response | None = None
        self.looked = anyio.Event()
        self._limit, self._words, self._stated = limit, words, stated
        self._choosy, self._refused = choosy, b""
        routes = [
            Route("/api/free", self._free, methods=["POST"]),
            Route("/openapi.json", self._openapi),
            Route("/a.png", self._image),
        ]
        self.transport = httpx2.ASGITransport(app=Starlette(routes=routes))

    async def _free(self, request):
        body = await request.body()
        image = body.split(b"\r\n\r\n", 1)[1].rsplit(b"\r\n--", 1)[0]
        self.sizes.append(len(image))
        if self._choosy and not image.startswith(b"\x89PNG"):
            self._refused = self._refused or image[:4]
        if self._refused and image.startswith(self._refused):
            return JSONResponse({"error": "unsupported_format", "message": "Only PNG and JPEG."}, 400)
        if len(image) > self._limit:
            return JSONResponse({"error": "file_too_large", "message": self._words}, 400)
        return JSONResponse({"url": f"{API}/a.png", "id": "a", "expiresAt": None})

    async def _openapi(self, _):
        self.questions += 1
        return JSONResponse({"x-img402-limits": self._stated}) if self._stated else Response(status_code=500)

    async def _image(self, _):
        self.looked.set()
        if self.served is None:
            await anyio.sleep_forever()
        return self.served


def limits(*formats: str):
    return {"formats": formats, "free": {"maxBytes": 1_048_576, "days": 7}}


async def test_a_photo_is_sent_without_what_it_tells_beside_the_picture(folder, tmp_path, sample):
    (folder / "photo.jpg").write_bytes(sample("exif.jpg"))
    async with hosting(tmp_path / "host") as transport, corridor_to(transport, folder) as uploader:
        upload = await uploader.upload(str(folder / "photo.jpg"))
        image = await served(transport, upload.receipt.url)
    assert b"Exif" in sample("exif.jpg")
    assert b"Exif" not in image
    assert upload.receipt.size_bytes == len(image) < len(sample("exif.jpg"))
    assert upload.done[0].startswith("removed: ")
    assert upload.verified is True


async def test_bytes_behind_the_image_are_cut_off(folder, tmp_path, sample):
    (folder / "a.png").write_bytes(sample("plain.png") + b"PK\x03\x04 and a whole archive")
    async with hosting(tmp_path / "host") as transport, corridor_to(transport, folder) as uploader:
        upload = await uploader.upload(str(folder / "a.png"))
        assert await served(transport, upload.receipt.url) == sample("plain.png")
    assert upload.done == ("removed: 24 bytes after the image's end",)


async def test_with_scrubbing_off_the_file_goes_as_it_is(folder, tmp_path, sample):
    (folder / "photo.jpg").write_bytes(sample("exif.jpg"))
    async with hosting(tmp_path / "host") as transport, corridor_to(transport, folder, scrub=False) as uploader:
        upload = await uploader.upload(str(folder / "photo.jpg"))
        assert await served(transport, upload.receipt.url) == sample("exif.jpg")
    assert upload.done == ()


async def test_with_scrubbing_off_bytes_behind_the_image_are_refused(folder, sample):
    (folder / "a.png").write_bytes(sample("plain.png") + b"more")
    async with corridor_to(Api().transport, folder, scrub=False) as uploader:
        with pytest.raises(ReadRefused, match="4 bytes follow the image's end"):
            await uploader.upload(str(folder / "a.png"))


async def test_an_image_over_the_limit_that_the_host_names_is_made_to_fit(folder, tmp_path, drawn):
    (folder / "a.png").write_bytes(drawn)
    async with hosting(tmp_path / "host", IMG402_HOST_FREE_MAX_BYTES="4000") as transport:
        async with corridor_to(transport, folder) as uploader:
            upload = await uploader.upload(str(folder / "a.png"))
        image = await served(transport, upload.receipt.url)
    assert len(image) == upload.receipt.size_bytes <= 4000 < len(drawn)
    assert upload.done[0].startswith("png ")
    assert upload.verified is True


async def test_an_image_that_must_not_be_touched_is_refused_by_the_host(folder, tmp_path, drawn):
    (folder / "a.png").write_bytes(drawn)
    small = {"IMG402_HOST_FREE_MAX_BYTES": "4000"}
    async with hosting(tmp_path / "host", **small) as transport, corridor_to(transport, folder) as uploader:
        with pytest.raises(UploadRejected) as caught:
            await uploader.upload(str(folder / "a.png"), options=UploadOptions(fit=False))
    assert caught.value.code == "file_too_large"


async def test_the_limit_that_a_host_states_spares_the_upload_that_it_would_refuse(folder, tmp_path, noisy):
    (folder / "a.png").write_bytes(noisy)
    passed = []
    async with hosting(tmp_path / "host") as inner:

        class Watched(httpx2.AsyncBaseTransport):
            async def handle_async_request(self, request):
                passed.append((request.method, request.url.path))
                return await inner.handle_async_request(request)

        async with corridor_to(Watched(), folder, verify=False) as uploader:
            first = await uploader.upload(str(folder / "a.png"))
            await uploader.upload(str(folder / "a.png"), options=UploadOptions(fresh=True))
    assert first.receipt.size_bytes <= 1_048_576 < len(noisy)
    assert passed == [("GET", "/openapi.json"), ("POST", "/api/free"), ("POST", "/api/free")]


async def test_an_api_that_states_nothing_gets_the_file_as_it_is(folder, noisy):
    (folder / "a.png").write_bytes(noisy)
    api = Api()
    async with corridor_to(api.transport, folder, verify=False) as uploader:
        upload = await uploader.upload(str(folder / "a.png"))
    assert api.sizes == [len(noisy)]
    assert upload.done == ()


@pytest.mark.parametrize(
    ("words", "limit", "most"),
    [
        pytest.param("Exceeds size limit (1MB free, 5MB paid)", 1_048_576, 1_000_000, id="documented"),
        pytest.param("Your file has 1.6 MB, at most 1 MB is free", 1_048_576, 1_000_000, id="its-own-size-too"),
        pytest.param("At most 1048576 bytes (1 MB)", 1_048_576, 1_048_576, id="to-the-byte"),
        pytest.param("Too large.", 1_048_576, 1_000_000, id="no-number"),
    ],
)
async def test_a_refusal_for_size_is_met_in_its_own_words_else_by_the_documented_limits(
    folder, noisy, words, limit, most
):
    (folder / "a.png").write_bytes(noisy)
    api = Api(limit, words)
    async with corridor_to(api.transport, folder, verify=False) as uploader:
        await uploader.upload(str(folder / "a.png"))
    assert api.sizes[0] == len(noisy)
    assert len(api.sizes) == 2
    assert api.sizes[1] <= most


async def test_a_limit_that_cannot_be_read_is_no_reason_to_guess(folder, noisy):
    (folder / "a.png").write_bytes(noisy)
    api = Api(1_048_576, "At most 2^20 octets.")
    async with corridor_to(api.transport, folder, verify=False) as uploader:
        with pytest.raises(UploadRejected, match="At most 2\\^20 octets"):
            await uploader.upload(str(folder / "a.png"))
    assert api.sizes == [len(noisy)]


async def test_only_formats_that_the_api_states_come_of_fitting(folder, noisy):
    (folder / "a.png").write_bytes(noisy)
    api = Api(1_048_576, stated=limits("image/gif", "image/jpeg"))
    async with corridor_to(api.transport, folder, verify=False) as uploader:
        upload = await uploader.upload(str(folder / "a.png"))
    assert upload.receipt.content_type == "image/jpeg"
    assert len(api.sizes) == 1


async def test_a_format_that_was_our_choice_and_is_refused_gives_way_to_another(folder, drawn):
    (folder / "a.png").write_bytes(drawn)
    api = Api(4000, "At most 4000 bytes.", choosy=True)
    async with corridor_to(api.transport, folder, verify=False) as uploader:
        upload = await uploader.upload(str(folder / "a.png"))
    assert upload.receipt.size_bytes <= 4000
    assert len(api.sizes) == 3


async def test_an_api_that_does_not_tell_its_limits_is_not_asked_again_at_once(folder, noisy):
    (folder / "a.png").write_bytes(noisy)
    api = Api()
    async with corridor_to(api.transport, folder, verify=False) as uploader:
        for _ in range(3):
            await uploader.upload(str(folder / "a.png"), options=UploadOptions(fresh=True))
    assert (api.questions, len(api.sizes)) == (1, 3)


async def test_an_api_that_refuses_whatever_it_gets_has_the_last_word(folder, noisy):
    (folder / "a.png").write_bytes(noisy)
    api = Api(0, "At most 900 KB. At most 500 KB.")
    async with corridor_to(api.transport, folder, verify=False) as uploader:
        with pytest.raises(UploadRejected, match="At most 900 KB"):
            await uploader.upload(str(folder / "a.png"))
    assert len(api.sizes) == 3


@pytest.mark.parametrize(
    ("sentence", "sizes"),
    [
        pytest.param("1048576 bytes (1 MB)", (1_048_576, 1_000_000), id="ours"),
        pytest.param("max 1MB, got 2.5 MiB or 300 KB", (1_000_000, 2_500_000, 300_000), id="units"),
        pytest.param("5,242,880 bytes, 1 048 576 bytes or 1'000'000 B", (5_242_880, 1_048_576, 1_000_000), id="groups"),
        pytest.param("MB, v1.2.3MB, 1,5 MB, 12 Mbit, x10MB", (), id="no-sizes"),
        pytest.param("9" * 5000 + " bytes", (), id="thousands-of-digits"),
    ],
)
def test_the_sizes_in_a_sentence_are_read(sentence, sizes):
    assert sizes_in(sentence) == sizes


async def test_the_same_file_again_gets_the_url_of_then(folder, tmp_path, sample):
    (folder / "a.png").write_bytes(sample("plain.png"))
    (folder / "copy.png").write_bytes(sample("plain.png"))
    async with hosting(tmp_path / "host") as transport, corridor_to(transport, folder) as uploader:
        first = await uploader.upload(str(folder / "a.png"))
        again = await uploader.upload(str(folder / "copy.png"), options=UploadOptions(width=24))
        fresh = await uploader.upload(str(folder / "a.png"), options=UploadOptions(fresh=True))
        otherwise = await uploader.upload(str(folder / "a.png"), options=UploadOptions(fit=False))
    tag = f'<img src="{first.receipt.url}" alt="copy" width="24">'
    kept = replace(first.receipt, delete_url="")
    assert again == replace(first, receipt=kept, markdown=tag, reused=True)
    assert len({first.receipt.url, fresh.receipt.url, otherwise.receipt.url}) == 3


async def test_an_image_that_the_host_has_no_more_is_uploaded_anew(folder, tmp_path, sample):
    (folder / "a.png").write_bytes(sample("plain.png"))
    async with hosting(tmp_path / "one") as transport, corridor_to(transport, folder) as uploader:
        first = await uploader.upload(str(folder / "a.png"))
    async with hosting(tmp_path / "another") as transport, corridor_to(transport, folder) as uploader:
        second = await uploader.upload(str(folder / "a.png"))
        third = await uploader.upload(str(folder / "a.png"))
    assert first.receipt.url != second.receipt.url == third.receipt.url
    assert (second.reused, third.reused) == (False, True)


async def test_a_url_that_serves_something_else_by_now_is_not_given_again(folder, sample):
    (folder / "a.png").write_bytes(sample("plain.png"))
    api = Api()
    api.served = Response(sample("plain.png"), media_type="image/png")
    async with corridor_to(api.transport, folder) as uploader:
        first = await uploader.upload(str(folder / "a.png"))
        api.served = Response(sample("palette.png"), media_type="image/png")
        second = await uploader.upload(str(folder / "a.png"))
    assert (first.verified, second.verified, second.reused, len(api.sizes)) == (True, False, False, 2)


async def test_a_url_that_cannot_be_asked_just_now_is_given_again(folder, sample):
    (folder / "a.png").write_bytes(sample("plain.png"))
    api = Api()
    api.served = Response(status_code=503)
    async with corridor_to(api.transport, folder) as uploader:
        await uploader.upload(str(folder / "a.png"))
        second = await uploader.upload(str(folder / "a.png"))
    assert (second.reused, second.verified, len(api.sizes)) == (True, False, 1)


async def test_calls_for_the_same_bytes_at_the_same_time_make_one_upload(folder, sample):
    (folder / "a.png").write_bytes(sample("plain.png"))
    api = Api()
    async with corridor_to(api.transport, folder, verify=False) as uploader, anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(uploader.upload, str(folder / "a.png"))
    assert len(api.sizes) == 1


async def test_invariant_7_a_call_that_is_cut_off_while_it_verifies_leaves_the_url_in_the_history(folder, sample):
    (folder / "a.png").write_bytes(sample("plain.png"))
    api = Api()
    async with corridor_to(api.transport, folder) as uploader:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(uploader.upload, str(folder / "a.png"))
            await api.looked.wait()
            tasks.cancel_scope.cancel()
        (entry,) = uploader.history.find(now=0)
    assert entry.url == f"{API}/a.png"


async def test_an_image_that_expires_within_minutes_is_uploaded_anew(folder, tmp_path, sample):
    (folder / "a.png").write_bytes(sample("plain.png"))
    long_ago = datetime.now(UTC) - timedelta(days=7) + timedelta(minutes=5)
    hosted = hosting(tmp_path / "host", now=lambda: long_ago)
    async with hosted as transport, corridor_to(transport, folder) as uploader:
        first = await uploader.upload(str(folder / "a.png"))
        second = await uploader.upload(str(folder / "a.png"))
    assert first.receipt.url != second.receipt.url


async def test_with_the_ledger_off_nothing_is_remembered(folder, tmp_path, sample):
    (folder / "a.png").write_bytes(sample("plain.png"))
    async with hosting(tmp_path / "host") as transport, corridor_to(transport, folder, history=False) as uploader:
        first = await uploader.upload(str(folder / "a.png"))
        second = await uploader.upload(str(folder / "a.png"))
    assert first.receipt.url != second.receipt.url
    assert not (tmp_path / "state").exists()


async def test_invariant_7_a_ledger_that_cannot_be_opened_hides_no_url(folder, tmp_path, sample):
    (folder / "a.png").write_bytes(sample("plain.png"))
    (folder.parent / "state").write_text("not a folder")
    async with hosting(tmp_path / "host") as transport, corridor_to(transport, folder) as uploader:
        upload = await uploader.upload(str(folder / "a.png"))
    assert upload.receipt.url.startswith(API)


async def test_invariant_7_a_ledger_that_cannot_be_written_hides_no_url(folder, tmp_path, sample):
    (folder / "a.png").write_bytes(sample("plain.png"))
    async with hosting(tmp_path / "host") as transport, corridor_to(transport, folder) as uploader:
        uploader.history.close()
        upload = await uploader.upload(str(folder / "a.png"))
    assert upload.receipt.url.startswith(API)
    assert upload.notes[0].startswith("Not remembered: The history of uploads could not be read or written")


async def test_invariant_7_a_url_that_does_not_answer_is_told_with_its_doubt(folder, sample):
    (folder / "a.png").write_bytes(sample("plain.png"))
    api = Api()
    api.served = Response(status_code=503)
    async with corridor_to(api.transport, folder) as uploader:
        upload = await uploader.upload(str(folder / "a.png"))
    assert (upload.receipt.url, upload.verified) == (f"{API}/a.png", False)
    assert upload.notes == ("The URL answers with status 503.",)


async def test_the_ledger_holds_facts_and_no_content(folder, tmp_path, sample):
    (folder / "photo.jpg").write_bytes(sample("exif.jpg"))
    async with hosting(tmp_path / "host") as transport, corridor_to(transport, folder) as uploader:
        upload = await uploader.upload(str(folder / "photo.jpg"))
        image = await served(transport, upload.receipt.url)
        (entry,) = uploader.history.find(now=0)
    assert (entry.path, entry.url, entry.api, entry.terms, entry.preparation, entry.price) == (
        str(folder / "photo.jpg"),
        upload.receipt.url,
        API,
        "free",
        "scrub fit",
        0,
    )
    assert entry.source == hashlib.sha256(sample("exif.jpg")).hexdigest()
    assert entry.sent == hashlib.sha256(image).hexdigest()
    assert (entry.width, entry.height, entry.size_bytes) == (48, 32, len(image))


@pytest.mark.parametrize("width", [-1, 10_001])
def test_a_width_that_is_none_is_refused(width):
    with pytest.raises(ReadRefused, match=f"width {width} is no width in pixels; give 1 to 10000"):
        UploadOptions(width=width)
