"""An API's stated limits and its refusals decide what is sent."""

import pytest

from img402_mcp.client.upload import UploadOptions
from img402_mcp.errors import UploadRejected
from tests.fakes.agent import uploading
from tests.fakes.api import Api
from tests.fakes.wire import hosting


def limits(*formats: str):
    return {"formats": formats, "free": {"maxBytes": 1_048_576, "days": 7}}


async def test_an_upload_over_the_stated_limit_is_not_attempted(pictures, tmp_path, noisy):
    (pictures / "a.png").write_bytes(noisy)
    async with hosting(tmp_path / "host") as wire, uploading(pictures, wire, verify=False) as uploader:
        first = await uploader.upload(str(pictures / "a.png"))
        await uploader.upload(str(pictures / "a.png"), options=UploadOptions(fresh=True))
    assert first.receipt.size_bytes <= 1_048_576 < len(noisy)
    assert wire.passed == [("GET", "/openapi.json", 200), *[("POST", "/api/free", 200)] * 2]


async def test_an_api_that_states_nothing_gets_the_file_as_it_is(pictures, noisy):
    (pictures / "a.png").write_bytes(noisy)
    api = Api()
    async with uploading(pictures, api.transport, verify=False) as uploader:
        upload = await uploader.upload(str(pictures / "a.png"))
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
async def test_after_a_refusal_for_size_the_limit_in_its_text_counts_or_else_the_documented_one(
    pictures, noisy, words, limit, most
):
    (pictures / "a.png").write_bytes(noisy)
    api = Api(limit, words)
    async with uploading(pictures, api.transport, verify=False) as uploader:
        await uploader.upload(str(pictures / "a.png"))
    assert api.sizes[0] == len(noisy)
    assert len(api.sizes) == 2
    assert api.sizes[1] <= most


async def test_a_limit_that_cannot_be_read_is_not_guessed(pictures, noisy):
    (pictures / "a.png").write_bytes(noisy)
    api = Api(1_048_576, "At most 2^20 octets.")
    async with uploading(pictures, api.transport, verify=False) as uploader:
        with pytest.raises(UploadRejected, match="At most 2\\^20 octets"):
            await uploader.upload(str(pictures / "a.png"))
    assert api.sizes == [len(noisy)]


async def test_fitting_uses_only_formats_that_the_api_states(pictures, noisy):
    (pictures / "a.png").write_bytes(noisy)
    api = Api(1_048_576, stated=limits("image/gif", "image/jpeg"))
    async with uploading(pictures, api.transport, verify=False) as uploader:
        upload = await uploader.upload(str(pictures / "a.png"))
    assert upload.receipt.content_type == "image/jpeg"
    assert len(api.sizes) == 1


async def test_where_a_format_of_our_choice_is_refused_another_is_tried(pictures, drawn):
    (pictures / "a.png").write_bytes(drawn)
    api = Api(4000, "At most 4000 bytes.", choosy=True)
    async with uploading(pictures, api.transport, verify=False) as uploader:
        upload = await uploader.upload(str(pictures / "a.png"))
    assert upload.receipt.size_bytes <= 4000
    assert len(api.sizes) == 3


async def test_an_api_that_does_not_state_its_limits_is_not_asked_again_at_once(pictures, noisy):
    (pictures / "a.png").write_bytes(noisy)
    api = Api()
    async with uploading(pictures, api.transport, verify=False) as uploader:
        for _ in range(3):
            await uploader.upload(str(pictures / "a.png"), options=UploadOptions(fresh=True))
    assert (api.questions, len(api.sizes)) == (1, 3)


async def test_an_api_that_refuses_everything_has_the_last_word(pictures, noisy):
    (pictures / "a.png").write_bytes(noisy)
    api = Api(0, "At most 900 KB. At most 500 KB.")
    async with uploading(pictures, api.transport, verify=False) as uploader:
        with pytest.raises(UploadRejected, match="At most 900 KB"):
            await uploader.upload(str(pictures / "a.png"))
    assert len(api.sizes) == 3
