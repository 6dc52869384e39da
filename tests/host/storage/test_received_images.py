"""Before the host stores an image it cuts trailing bytes, and repairs what the structure alone can show."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from httpx2 import AsyncClient, Response

from img402_mcp.formats import repaired
from img402_mcp.host.storage.spool import SMALL
from tests.fakes.broken_images import BROKEN, CUT, CUT_IN_THE_SCAN, GIF, JPEG, PNG, WEBP, Broken

Hosting = Callable[..., AbstractAsyncContextManager[AsyncClient]]

CERTAIN = [each for each in BROKEN if repaired(each.data).is_proven]
DOUBTFUL = {each.name: each.data for each in BROKEN if not repaired(each.data).is_proven}


async def upload(client: AsyncClient, image: bytes) -> Response:
    return await client.post("/api/free", files={"image": ("shot.png", image)})


def flaw(response: Response) -> tuple[int, str, Any]:
    return response.status_code, response.json()["error"], response.json()["message"]


@pytest.mark.parametrize("broken", CERTAIN, ids=[each.name for each in CERTAIN])
async def test_a_broken_image_is_stored_as_viewers_show_it(client: AsyncClient, broken: Broken):
    new = repaired(broken.data)
    answer = (await upload(client, broken.data)).json()
    assert (await client.get(answer["url"])).content == new.data[: new.picture.end]
    assert answer["sizeBytes"] == new.picture.end


@pytest.mark.parametrize("image", [GIF, JPEG, PNG, WEBP], ids=["gif", "jpeg", "png", "webp"])
@pytest.mark.parametrize("behind", [b"trailing", bytes(700), b"PK\x03\x04" + bytes(range(256)) * 9])
async def test_bytes_after_the_image_are_not_stored(client: AsyncClient, image: bytes, behind: bytes):
    answer = (await upload(client, image + behind)).json()
    assert (await client.get(answer["url"])).content == image
    assert answer["sizeBytes"] == len(image)


@pytest.mark.parametrize("behind", [b"trailing", bytes(9)])
async def test_a_body_that_arrived_in_a_file_is_cut_there(
    hosting: Hosting, picture_of: Callable[..., bytes], on_disk: Callable[[], list[str]], behind: bytes
):
    image = picture_of(30, 20, padding=SMALL + 100)
    async with hosting(IMG402_HOST_FREE_MAX_BYTES=str(2 * SMALL)) as client:
        answer = (await upload(client, image + behind)).json()
        assert (await client.get(answer["url"])).content == image
        assert on_disk() == [f"{answer['id']}.png"]


async def test_a_body_that_arrived_in_a_file_is_repaired_there(hosting: Hosting, picture_of: Callable[..., bytes]):
    image = picture_of(30, 20, padding=SMALL + 100)
    async with hosting(IMG402_HOST_FREE_MAX_BYTES=str(2 * SMALL)) as client:
        answer = (await upload(client, image[:-12])).json()
        assert (await client.get(answer["url"])).content == image


@pytest.mark.parametrize("image", DOUBTFUL.values(), ids=DOUBTFUL)
async def test_a_jpeg_without_its_end_is_refused_since_nothing_is_decoded(client: AsyncClient, image: bytes):
    status, code, message = flaw(await upload(client, image))
    assert (status, code) == (400, "unsupported_format")
    assert "without its end mark" in message
    assert "save it again" in message


@pytest.mark.parametrize("image", [*CUT.values(), *CUT_IN_THE_SCAN.values()], ids=[*CUT, *CUT_IN_THE_SCAN])
async def test_a_cut_off_image_is_refused(client: AsyncClient, on_disk: Callable[[], list[str]], image: bytes):
    status, code, message = flaw(await upload(client, image))
    assert (status, code) == (400, "unsupported_format")
    assert "cut off" in message
    assert on_disk() == []
