"""Free uploads to a host in memory: what is prepared, sent, verified and remembered."""

import hashlib

import anyio
import pytest

from img402_mcp.client.upload import UploadOptions
from img402_mcp.errors import ReadRefused, UploadRejected
from tests.fakes.agent import fetched, uploading
from tests.fakes.api import Api
from tests.fakes.serving import reply
from tests.fakes.wire import API, hosting


async def test_a_photo_is_sent_without_its_metadata(pictures, tmp_path, sample):
    (pictures / "photo.jpg").write_bytes(sample("exif.jpg"))
    async with hosting(tmp_path / "host") as wire, uploading(pictures, wire) as uploader:
        upload = await uploader.upload(str(pictures / "photo.jpg"))
        image = await fetched(wire, upload.receipt.url)
    assert b"Exif" in sample("exif.jpg")
    assert b"Exif" not in image
    assert upload.receipt.size_bytes == len(image) < len(sample("exif.jpg"))
    assert upload.done[0].startswith("removed: ")
    assert upload.verified is True


async def test_bytes_after_the_image_are_cut_off(pictures, tmp_path, sample):
    (pictures / "a.png").write_bytes(sample("plain.png") + b"PK\x03\x04 and a whole archive")
    async with hosting(tmp_path / "host") as wire, uploading(pictures, wire) as uploader:
        upload = await uploader.upload(str(pictures / "a.png"))
        assert await fetched(wire, upload.receipt.url) == sample("plain.png")
    assert upload.done == ("removed: 24 bytes after the image's end",)


async def test_with_scrubbing_off_the_file_goes_as_it_is(pictures, tmp_path, sample):
    (pictures / "photo.jpg").write_bytes(sample("exif.jpg"))
    async with hosting(tmp_path / "host") as wire, uploading(pictures, wire, scrub=False) as uploader:
        upload = await uploader.upload(str(pictures / "photo.jpg"))
        assert await fetched(wire, upload.receipt.url) == sample("exif.jpg")
    assert upload.done == ()


async def test_with_scrubbing_off_bytes_after_the_image_are_refused(pictures, sample):
    (pictures / "a.png").write_bytes(sample("plain.png") + b"more")
    async with uploading(pictures, Api().transport, scrub=False) as uploader:
        with pytest.raises(ReadRefused, match="4 bytes follow the image's end"):
            await uploader.upload(str(pictures / "a.png"))


async def test_an_image_over_the_limit_that_the_host_names_is_made_to_fit(pictures, tmp_path, drawn):
    (pictures / "a.png").write_bytes(drawn)
    async with hosting(tmp_path / "host", {"IMG402_HOST_FREE_MAX_BYTES": "4000"}) as wire:
        async with uploading(pictures, wire) as uploader:
            upload = await uploader.upload(str(pictures / "a.png"))
        image = await fetched(wire, upload.receipt.url)
    assert len(image) == upload.receipt.size_bytes <= 4000 < len(drawn)
    assert upload.done[0].startswith("png ")
    assert upload.verified is True


async def test_an_image_that_must_not_be_touched_is_refused_by_the_host(pictures, tmp_path, drawn):
    (pictures / "a.png").write_bytes(drawn)
    small = {"IMG402_HOST_FREE_MAX_BYTES": "4000"}
    async with hosting(tmp_path / "host", small) as wire, uploading(pictures, wire) as uploader:
        with pytest.raises(UploadRejected) as caught:
            await uploader.upload(str(pictures / "a.png"), options=UploadOptions(fit=False))
    assert caught.value.code == "file_too_large"


async def test_invariant_7_a_call_that_is_cut_off_while_it_verifies_leaves_the_url_in_the_history(pictures, picture):
    api = Api()
    async with uploading(pictures, api.transport) as uploader:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(uploader.upload, str(picture))
            await api.looked.wait()
            tasks.cancel_scope.cancel()
        (entry,) = uploader.history.find(now=0)
    assert entry.url == f"{API}/1.png"


async def test_invariant_7_a_history_that_cannot_be_opened_hides_no_url(pictures, picture, tmp_path):
    (pictures.parent / "state").write_text("not a folder")
    async with hosting(tmp_path / "host") as wire, uploading(pictures, wire) as uploader:
        upload = await uploader.upload(str(picture))
    assert upload.receipt.url.startswith(API)


async def test_invariant_7_a_history_that_cannot_be_written_hides_no_url(pictures, picture, tmp_path):
    async with hosting(tmp_path / "host") as wire, uploading(pictures, wire) as uploader:
        uploader.history.close()
        upload = await uploader.upload(str(picture))
    assert upload.receipt.url.startswith(API)
    assert upload.notes[0].startswith("Not remembered: The history of uploads could not be read or written")


async def test_invariant_7_a_url_that_does_not_answer_is_returned_as_unverified(pictures, picture):
    api = Api()
    api.served = reply(503)
    async with uploading(pictures, api.transport) as uploader:
        upload = await uploader.upload(str(picture))
    assert (upload.receipt.url, upload.verified) == (f"{API}/1.png", False)
    assert upload.notes == ("The URL answers with status 503.",)


async def test_the_history_holds_facts_and_no_content(pictures, tmp_path, sample):
    (pictures / "photo.jpg").write_bytes(sample("exif.jpg"))
    async with hosting(tmp_path / "host") as wire, uploading(pictures, wire) as uploader:
        upload = await uploader.upload(str(pictures / "photo.jpg"))
        image = await fetched(wire, upload.receipt.url)
        (entry,) = uploader.history.find(now=0)
    assert (entry.path, entry.url, entry.api, entry.terms, entry.preparation, entry.price) == (
        str(pictures / "photo.jpg"),
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
def test_an_invalid_width_is_refused(width):
    with pytest.raises(ReadRefused, match=f"width {width} is not a width in pixels; give 1 to 10000"):
        UploadOptions(width=width)
