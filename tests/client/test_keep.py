"""Keep, end to end: an image is made to fit what the API keeps longest, or the answer says why not."""

from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from img402_mcp.client.fit.subprocess import CannotFit
from img402_mcp.client.paid_upload import open_paid_uploader
from img402_mcp.client.settings.read import client_settings
from img402_mcp.client.upload import UploadOptions
from img402_mcp.errors import PaymentRefused, ReadRefused, SettingsError
from tests.fakes.agent import agent, money, text, uploading
from tests.fakes.api import Api
from tests.fakes.september import EXPIRES_AT, EXPIRY, MEGABYTE, September
from tests.fakes.serving import reply

ADVICE = "Expires 2026-12-28. Images up to 1 MB are kept for good here: call again with keep=true."
STATES = pytest.mark.parametrize("states", [False, True], ids=["documented", "stated"])


@pytest.fixture
def large(pictures: Path, noisy: bytes) -> str:
    """Over 1 MB, whatever lossless packing does."""
    (pictures / "large.png").write_bytes(noisy)
    return str(pictures / "large.png")


@STATES
async def test_an_image_that_expires_says_when_and_what_would_last(large, pictures, states):
    api = September(states=states)
    async with agent(pictures, api.transport, verify=False) as client:
        answer = await client.call_tool("upload_free", {"path": large})
    assert answer.structured_content["note"] == ADVICE
    assert ADVICE in text(answer)
    assert answer.structured_content["expires_at"] == "2026-12-28T10:00:00Z"


@STATES
async def test_with_keep_it_is_made_to_fit_what_lasts(large, pictures, states):
    api = September(states=states)
    async with uploading(pictures, api.transport, verify=False) as uploader:
        first = await uploader.upload(large, options=UploadOptions(keep=True))
        again = await uploader.upload(large, options=UploadOptions(keep=True))
    assert (first.receipt.expires_at, first.life, len(first.done)) == (None, "", 1)
    assert [size <= MEGABYTE for size in api.sizes] == [True]
    assert (again.receipt.url, again.reused) == (first.receipt.url, True)


async def test_what_was_uploaded_to_expire_is_not_given_back_for_keep(large, pictures):
    api = September()
    async with uploading(pictures, api.transport, verify=False) as uploader:
        plain = await uploader.upload(large)
        kept = await uploader.upload(large, options=UploadOptions(keep=True))
    assert (plain.receipt.expires_at, kept.receipt.expires_at, kept.reused) == (EXPIRES_AT, None, False)


@pytest.mark.parametrize(
    ("keep", "setting", "is_kept"),
    [(None, False, False), (None, True, True), (False, True, False), (True, False, True)],
    ids=["neither", "setting", "the-call-says-no", "the-call-says-yes"],
)
async def test_the_call_decides_and_else_the_setting(large, pictures, keep, setting, is_kept):
    api = September()
    async with uploading(pictures, api.transport, verify=False, keep=setting) as uploader:
        upload = await uploader.upload(large, options=UploadOptions(keep=keep))
    assert (upload.receipt.expires_at is None) is is_kept


@pytest.mark.parametrize(("value", "keep"), [("on", True), ("off", False), ("", False)])
def test_the_setting_is_on_or_off(value, keep, tmp_path):
    assert client_settings({"IMG402_KEEP": value, "IMG402_ALLOW_DIRS": str(tmp_path)}).keep is keep


def test_another_setting_is_refused(tmp_path):
    with pytest.raises(SettingsError, match='IMG402_KEEP "yes" is not one of on, off'):
        client_settings({"IMG402_KEEP": "yes", "IMG402_ALLOW_DIRS": str(tmp_path)})


async def test_below_half_the_scale_it_is_refused_with_the_reason_and_nothing_is_sent(large, pictures):
    tiers: list[dict[str, object]] = [{"maxBytes": 15_000, "days": None}, {"maxBytes": 5_000_000, "days": 30}]
    api = Api(stated={"formats": ["image/jpeg", "image/webp"], "free": {**tiers[1], "tiers": tiers}})
    async with uploading(pictures, api.transport, verify=False) as uploader:
        with pytest.raises(
            CannotFit, match=r"to be kept longest it would have to shrink to less than half .*keep=false"
        ):
            await uploader.upload(large, options=UploadOptions(keep=True))
    assert api.sizes == []


async def test_where_all_lives_are_equal_keep_does_nothing(large, pictures):
    week = {"formats": ["image/png"], "free": {"maxBytes": 5_000_000, "days": 7}}
    api = Api(5_000_000, stated=week)
    api.on_upload = lambda _: reply(200, {"url": f"{api.url}/{len(api.sizes)}.png", "id": "1", "expiresAt": EXPIRY})
    async with uploading(pictures, api.transport, verify=False) as uploader:
        plain = await uploader.upload(large)
        kept = await uploader.upload(large, options=UploadOptions(keep=True))
    assert (api.sizes, kept.done, kept.reused) == ([plain.receipt.size_bytes], (), True)


async def test_a_small_image_is_not_touched_by_keep(picture, pictures):
    api = September()
    async with uploading(pictures, api.transport, verify=False) as uploader:
        plain = await uploader.upload(str(picture))
        kept = await uploader.upload(str(picture), options=UploadOptions(keep=True))
    assert (kept.reused, kept.done, kept.receipt.url) == (True, (), plain.receipt.url)


async def test_where_it_expires_all_the_same_the_answer_says_so(large, pictures):
    api = September(small_expiry="2026-12-05T00:00:00Z")
    async with uploading(pictures, api.transport, verify=False) as uploader:
        upload = await uploader.upload(large, options=UploadOptions(keep=True))
    assert upload.life.startswith("Expires 2026-12-05. By the terms documented in 2026-09")


async def test_keep_without_fit_is_refused_where_it_would_have_to_touch_the_image(large, picture, pictures):
    api = September()
    options = UploadOptions(fit=False, keep=True)
    async with uploading(pictures, api.transport, verify=False) as uploader:
        with pytest.raises(ReadRefused, match="images up to 1 MB are kept longest here"):
            await uploader.upload(large, options=options)
        assert (await uploader.upload(str(picture), options=options)).done == ()


async def test_the_setting_does_not_touch_what_must_not_be_fitted(large, pictures):
    api = September()
    async with uploading(pictures, api.transport, verify=False, keep=True) as uploader:
        upload = await uploader.upload(large, options=UploadOptions(fit=False))
    assert (upload.done, upload.receipt.expires_at) == ((), EXPIRES_AT)


async def test_what_is_converted_is_converted_to_what_lasts(pictures, noisy):
    Image.open(BytesIO(noisy)).save(pictures / "a.bmp")
    api = September()
    async with uploading(pictures, api.transport, verify=False) as uploader:
        upload = await uploader.upload(str(pictures / "a.bmp"), options=UploadOptions(keep=True))
    assert (upload.receipt.expires_at, [size <= MEGABYTE for size in api.sizes]) == (None, [True])


async def test_a_batch_says_once_what_expires_and_what_would_last(large, picture, pictures):
    api = September()
    async with agent(pictures, api.transport, verify=False) as client:
        plain = await client.call_tool("upload_batch", {"paths": [large, str(picture)]})
        kept = await client.call_tool("upload_batch", {"paths": [large, str(picture)], "keep": True})
    summary = f"1 of 2 images expire, the first on 2026-12-28. {ADVICE.partition('. ')[2]}"
    assert plain.structured_content["note"] == summary
    assert summary in text(plain)
    assert "note" not in kept.structured_content


@pytest.mark.parametrize(("arguments", "expires"), [({}, False), ({"keep": False}, True)], ids=["default", "keep-off"])
async def test_the_images_of_a_document_are_kept_by_default(large, pictures, arguments, expires):
    (pictures / "page.md").write_text("![](large.png)")
    api = September()
    async with agent(pictures, api.transport, verify=False) as client:
        answer = await client.call_tool("publish_markdown", {"path": str(pictures / "page.md")} | arguments)
    assert [size > MEGABYTE for size in api.sizes] == [expires]
    assert answer.structured_content.get("note", "") == (ADVICE if expires else "")


async def test_a_documents_keep_decides_whatever_the_setting_says(large, pictures):
    (pictures / "page.md").write_text("![](large.png)")
    api = September()
    async with agent(pictures, api.transport, verify=False, keep=True) as client:
        await client.call_tool("publish_markdown", {"path": str(pictures / "page.md"), "keep": False})
    assert [size > MEGABYTE for size in api.sizes] == [True]


# Paying


async def test_what_the_api_states_to_be_free_for_good_is_not_paid_for(picture, pictures):
    api = September(states=True)
    async with uploading(pictures, api.transport, verify=False, money=money()) as uploader:
        with open_paid_uploader(uploader) as paid:
            with pytest.raises(PaymentRefused, match="images up to 1 MB are kept for good .*upload_free instead"):
                await paid.upload(str(picture))
            assert (await paid.status()).spent_in_all == 0


async def test_what_is_only_documented_to_be_free_is_paid_for_with_a_warning(picture, pictures, wire):
    wire.mishaps["/openapi.json"] = [reply(404)] * 9
    async with uploading(pictures, wire, verify=False, money=money()) as uploader:
        with open_paid_uploader(uploader) as paid:
            upload = await paid.upload(str(picture))
            assert (await paid.status()).spent_in_all == 10_000
    assert upload.notes[0].startswith("As documented in 2026-09, images up to 1 MB are kept for good without payment")


async def test_an_image_that_lives_longer_for_money_is_paid_for(picture, pictures, wire):
    async with uploading(pictures, wire, verify=False, money=money()) as uploader:
        with open_paid_uploader(uploader) as paid:
            assert (await paid.upload(str(picture))).notes == ()


async def test_a_token_says_what_it_buys_beyond_the_free_uploads(pictures, wire):
    buys = "A token buys one upload of up to 2 kB for 365 days. Free uploads (stated): up to 1 MiB for 7 days."
    async with agent(pictures, wire, money=money()) as client:
        bought = await client.call_tool("get_upload_token")
    async with agent(pictures, wire) as client:
        priced = await client.call_tool("get_upload_token")
    assert [buys in text(each) for each in (bought, priced)] == [True, True]
    assert (bought.structured_content["note"], priced.structured_content["note"]) == (buys, buys)
