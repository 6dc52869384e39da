"""An earlier upload's URL is returned again while it works, and no other is."""

from asyncio import gather
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from img402_mcp.client.http import Response
from img402_mcp.client.upload import UploadOptions
from tests.fakes.agent import uploading
from tests.fakes.api import Api
from tests.fakes.serving import reply
from tests.fakes.wire import hosting


async def test_the_same_file_gets_its_existing_url(pictures, picture, tmp_path, sample):
    (pictures / "copy.png").write_bytes(sample("plain.png"))
    async with hosting(tmp_path / "host") as wire, uploading(pictures, wire) as uploader:
        first = await uploader.upload(str(picture))
        again = await uploader.upload(str(pictures / "copy.png"), options=UploadOptions(width=24))
        fresh = await uploader.upload(str(picture), options=UploadOptions(fresh=True))
        otherwise = await uploader.upload(str(picture), options=UploadOptions(fit=False))
    tag = f'<img src="{first.receipt.url}" alt="copy" width="24">'
    assert again == replace(first, markdown=tag, reused=True)
    assert again.receipt.delete_url
    assert len({first.receipt.url, fresh.receipt.url, otherwise.receipt.url}) == 3


async def test_an_image_that_the_host_no_longer_has_is_uploaded_again(pictures, picture, tmp_path):
    async with hosting(tmp_path / "one") as wire, uploading(pictures, wire) as uploader:
        first = await uploader.upload(str(picture))
    async with hosting(tmp_path / "another") as wire, uploading(pictures, wire) as uploader:
        second = await uploader.upload(str(picture))
        third = await uploader.upload(str(picture))
    assert first.receipt.url != second.receipt.url == third.receipt.url
    assert (second.reused, third.reused) == (False, True)


async def test_a_url_that_now_serves_something_else_is_not_reused(pictures, picture, sample):
    api = Api()
    api.served = Response(200, {"content-type": "image/png"}, sample("plain.png"))
    async with uploading(pictures, api.transport) as uploader:
        first = await uploader.upload(str(picture))
        api.served = Response(200, {"content-type": "image/png"}, sample("palette.png"))
        second = await uploader.upload(str(picture))
    assert (first.verified, second.verified, second.reused, len(api.sizes)) == (True, False, False, 2)


async def test_a_url_that_cannot_be_checked_just_now_is_reused(pictures, picture):
    api = Api()
    api.served = reply(503)
    async with uploading(pictures, api.transport) as uploader:
        await uploader.upload(str(picture))
        second = await uploader.upload(str(picture))
    assert (second.reused, second.verified, len(api.sizes)) == (True, False, 1)


async def test_calls_for_the_same_bytes_at_the_same_time_make_one_upload(pictures, picture):
    api = Api()
    async with uploading(pictures, api.transport, verify=False) as uploader:
        await gather(*(uploader.upload(str(picture)) for _ in range(3)))
    assert len(api.sizes) == 1


async def test_an_image_that_expires_within_minutes_is_uploaded_again(pictures, picture, tmp_path):
    long_ago = datetime.now(UTC) - timedelta(days=7) + timedelta(minutes=5)
    hosted = hosting(tmp_path / "host", now=lambda: long_ago)
    async with hosted as wire, uploading(pictures, wire) as uploader:
        first = await uploader.upload(str(picture))
        second = await uploader.upload(str(picture))
    assert first.receipt.url != second.receipt.url


async def test_with_the_history_off_nothing_is_remembered(pictures, picture, tmp_path):
    async with hosting(tmp_path / "host") as wire, uploading(pictures, wire, history=False) as uploader:
        first = await uploader.upload(str(picture))
        second = await uploader.upload(str(picture))
    assert first.receipt.url != second.receipt.url
    assert not (tmp_path / "state").exists()
