"""Our PUT against storages that are not ours: real signatures, really checked."""

import logging
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from img402_mcp.client.apis.io42 import SubmissionTarget
from img402_mcp.client.files.roots import Roots
from img402_mcp.client.io42_submit import open_io42_submitter
from img402_mcp.client.settings.io42 import Io42Settings
from img402_mcp.client.settings.model import Settings
from img402_mcp.client.upload import open_uploader
from img402_mcp.errors import UploadFailed

MB = 1024 * 1024
SUBMISSION = SubmissionTarget("logos", "sub_1")


@pytest.fixture(params=[1, 5 * MB, 20 * MB - 1000], ids=["small", "5-MB", "20-MB"])
def picture(request, tmp_path, picture_of) -> Path:
    path: Path = tmp_path.resolve() / "a.png"
    path.write_bytes(picture_of(100, 100, padding=request.param))
    return path


def granted(url: str, submission: str = "sub_1") -> dict[str, object]:
    data = {
        "message": "",
        "uploadUrl": url,
        "mediaFileId": "media_1",
        "fileName": "x",
        "expiresAt": "2099-01-15T15:30:00Z",
    }
    return {"success": True, "data": data | {"submissionId": submission}, "error": None}


@asynccontextmanager
async def desk(api: str, picture: Path):
    io42 = Io42Settings(f"{api}/api", "io42_canary")
    settings = Settings(api, (picture.parent,), named_state_dir=picture.parent / "state", apis=(io42,))
    async with open_uploader(settings, Roots.resolve(settings.allow_dirs)) as uploader:
        with open_io42_submitter(uploader) as submitting:
            yield submitting


async def test_a_file_arrives_whole_by_a_url_that_signs_its_type(storage, picture, peers, answering, caplog):
    caplog.set_level(logging.DEBUG)
    url = storage.presigned("sub_1/1703510400000-logo design~(1).png", content_type="image/png")
    api = await peers(answering(granted(url)))
    async with desk(api.url, picture) as submitting:
        done = await submitting.submit(SUBMISSION, str(picture))
    stored = await anyio.to_thread.run_sync(storage.get, "sub_1/1703510400000-logo design~(1).png")
    assert (done.media_file_id, stored == picture.read_bytes()) == ("media_1", True)
    signature = url.rpartition("=")[2]
    assert signature not in caplog.text
    assert "io42_canary" not in caplog.text


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(lambda storage: storage.presigned("a.png", content_type="image/jpeg"), id="another-type"),
        pytest.param(lambda storage: storage.presigned("a.png", age=3600), id="expired"),
        pytest.param(lambda storage: storage.presigned("a.png") + "0", id="signature"),
    ],
)
async def test_a_url_that_the_storage_does_not_take_is_asked_for_again_once(
    broken, storage, tmp_path, picture_of, peers, answering
):
    picture = tmp_path.resolve() / "a.png"
    picture.write_bytes(picture_of(100, 100))
    dead, live = broken(storage), storage.presigned("again.png", content_type="image/png")
    api = await peers(answering(granted(dead)), answering(granted(live)), *[answering(granted(dead))] * 2)
    async with desk(api.url, picture) as submitting:
        await submitting.submit(SUBMISSION, str(picture))
        with pytest.raises(UploadFailed) as caught:
            await submitting.submit(SubmissionTarget("logos", "sub_1"), str(picture))
    assert await anyio.to_thread.run_sync(storage.get, "again.png") == picture.read_bytes()
    message = f"The storage that {api.url[7:]} named does not accept the file (status 40"
    assert str(caught.value).startswith(message)
    assert str(caught.value).endswith("No fee was paid. Make the same call again.")
