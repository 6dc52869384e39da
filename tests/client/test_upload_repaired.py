"""An image that violates its format is uploaded as viewers show it, scrubbed or not; a cut-off one is refused."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest

from img402_mcp.client.files.roots import Roots
from img402_mcp.client.settings.model import Settings
from img402_mcp.client.upload import Uploader, open_uploader
from img402_mcp.errors import ReadRefused
from img402_mcp.formats import repaired
from img402_mcp.host.app import create_app
from img402_mcp.host.settings import host_settings
from tests.fakes.broken_images import BROKEN, CUT_IN_THE_SCAN, JPEG, starts

API = "http://images.example"
TRIED = {
    each.name: each
    for each in BROKEN
    if each.name
    in {
        "gif-no-trailer",
        "gif-zero-between-frames",
        "gif-screen-0x0",
        "jpeg-no-end",
        "jpeg-zeros-for-the-end",
        "jpeg-progressive-no-end",
        "jpeg-restarts-no-end",
        "jpeg-text-before-the-frame",
        "png-no-end",
        "png-animated-no-end",
        "webp-padding-missing",
        "webp-canvas-larger",
        "png-padding-behind",
    }
}


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path.resolve() / "pictures"
    folder.mkdir()
    return folder


@asynccontextmanager
async def uploading(pictures: Path, *, scrub: bool = True) -> AsyncIterator[tuple[Uploader, httpx2.AsyncClient]]:
    folder = pictures.parent
    app = create_app(host_settings({}, data=folder / "host", public_url=API))
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app=app)
        settings = replace(Settings(API, (pictures,), folder / "state"), scrub=scrub)
        async with (
            open_uploader(settings, Roots.resolve([pictures]), transport) as uploader,
            httpx2.AsyncClient(transport=transport) as browser,
        ):
            yield uploader, browser


def written(folder: Path, data: bytes) -> str:
    path = folder / "shot.bin"
    path.write_bytes(data)
    return str(path)


@pytest.mark.parametrize("scrub", [True, False], ids=["scrubbed", "as-it-is"])
@pytest.mark.parametrize("name", TRIED)
async def test_a_broken_image_is_uploaded_as_viewers_show_it(pictures: Path, name: str, *, scrub: bool):
    broken, new = TRIED[name], repaired(TRIED[name].data)
    async with uploading(pictures, scrub=scrub) as (uploader, browser):
        upload = await uploader.upload(written(pictures, broken.data))
        served = (await browser.get(upload.receipt.url)).content
    assert upload.done[0] == f"repaired: {', '.join(broken.repairs)}"
    assert (upload.width, upload.height) == (new.picture.width, new.picture.height)
    assert served.startswith(new.data[:4])
    assert scrub or served == new.data[: new.picture.end]


@pytest.mark.parametrize("data", CUT_IN_THE_SCAN.values(), ids=CUT_IN_THE_SCAN)
async def test_a_jpeg_whose_scan_is_cut_off_is_refused(pictures: Path, data: bytes):
    async with uploading(pictures) as (uploader, _):
        path = written(pictures, data)
        with pytest.raises(ReadRefused, match='^"[^"]+shot.bin" is a JPEG that is cut off, .* Nothing was sent.$'):
            await uploader.upload(path)


async def test_a_repaired_image_that_does_not_decode_is_refused(pictures: Path):
    """Its tables are missing, which a walk of the structure does not notice."""
    tables, frame = starts(JPEG, b"\xdb")[0], starts(JPEG, b"\xc0")[0]
    async with uploading(pictures) as (uploader, _):
        path = written(pictures, JPEG[:tables] + b"junk" + JPEG[frame:])
        with pytest.raises(ReadRefused, match="is a damaged JPEG: its pixels cannot be decoded"):
            await uploader.upload(path)
