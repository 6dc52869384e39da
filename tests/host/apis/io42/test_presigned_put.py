"""A file put to a signed URL: checked while its bytes arrive, accepted once, and only as it was announced."""

from asyncio import gather
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from img402_mcp.host.apis.io42.accounts import Io42Accounts
from img402_mcp.host.apis.io42.presigned_put import PresignedBody
from img402_mcp.host.errors import ApiError
from img402_mcp.host.storage.signed_urls import Permit
from img402_mcp.host.storage.spool import arriving
from tests.fakes.fixtures import Picture
from tests.fakes.io42_agent import Io42Agent, promise, refusal_in


async def test_the_announced_file_completes_the_submission(
    agent: Io42Agent, picture: Picture, accounts: Io42Accounts, on_disk: Callable[[], list[str]]
):
    image = picture()
    put = await agent.put(await agent.url_for(image), image)
    (submission,) = accounts.submissions()
    assert (put.status_code, put.content) == (200, b"")
    assert on_disk() == [f"{submission['image_id']}.png"]
    assert submission["file_size"] == len(image)
    assert submission["completed_at"] is not None
    assert refusal_in(await agent.ask(promise(image))) == (
        409,
        "SUBMISSION_ALREADY_EXISTS",
        "Submission has already been uploaded",
    )


async def test_a_submission_has_no_public_address(agent: Io42Agent, picture: Picture, accounts: Io42Accounts):
    image = picture()
    await agent.put(await agent.url_for(image), image)
    (submission,) = accounts.submissions()
    assert (await agent.client.get(f"/{submission['image_id']}.png")).status_code == 404


async def test_a_url_takes_one_file(agent: Io42Agent, picture: Picture, on_disk: Callable[[], list[str]]):
    image = picture()
    url = await agent.url_for(image)
    puts = await gather(*(agent.put(url, image) for _ in range(5)))
    assert sorted(answer.status_code for answer in puts) == [200, 409, 409, 409, 409]
    assert {answer.json()["message"] for answer in puts if answer.status_code == 409} == {
        "A file was already put to this URL; it accepts only one."
    }
    assert len(on_disk()) == 1


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda url: url.replace("size=", "size=1"), id="size"),
        pytest.param(lambda url: url.replace("image%2Fpng", "image%2Fwebp"), id="type"),
        pytest.param(lambda url: url.replace("expires=1", "expires=2"), id="expiry"),
        pytest.param(lambda url: url.replace("/uploads/", "/uploads/x"), id="key"),
        pytest.param(lambda url: url + "0", id="longer-signature"),
        pytest.param(lambda url: url[:-1] + ("0" if url[-1] != "0" else "1"), id="signature"),
        pytest.param(lambda url: url[:-1] + "%C3%A9", id="not-ascii"),
        pytest.param(lambda url: url + "&size=1", id="twice"),
        pytest.param(lambda url: url + "&more=1", id="more"),
        pytest.param(lambda url: url.replace("expires=", "expires=%2B"), id="no-number"),
        pytest.param(lambda url: url.partition("?")[0], id="bare"),
    ],
)
async def test_a_changed_url_allows_nothing(agent: Io42Agent, picture: Picture, change: Callable[[str], str]):
    image = picture()
    answer = await agent.put(change(await agent.url_for(image)), image)
    assert (answer.status_code, answer.json()) == (
        403,
        {
            "error": "access_denied",
            "message": "This is not a URL that this host has signed. Use it exactly as it was given.",
        },
    )


async def test_a_put_url_does_not_serve_the_file(agent: Io42Agent, picture: Picture):
    url = await agent.url_for(picture())
    assert (await agent.client.get(url.replace("/uploads/", "/previews/"))).status_code == 403
    assert (await agent.client.get(url)).status_code == 405


class Body:
    """Bytes sent piece by piece; `.read` counts how many the host took."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces, self.read = pieces, 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            self.read += len(piece)
            yield piece


async def test_another_type_is_refused_by_its_header(agent: Io42Agent, picture: Picture):
    image = picture()
    answer = await agent.put(await agent.url_for(image), image, "image/webp")
    assert (answer.status_code, answer.json()["message"]) == (
        400,
        'The Content-Type is "image/webp"; this URL is for image/png.',
    )


async def test_another_type_is_refused_by_its_first_bytes(
    agent: Io42Agent, picture: Picture, sample: Callable[[str], bytes]
):
    image = picture(size=500_000)
    url = await agent.url_for(image, "image/webp")
    answer = await agent.put(url, image, "image/webp")
    assert (answer.status_code, answer.json()) == (
        400,
        {
            "error": "unsupported_format",
            "message": "The file is a PNG. Only WebP is accepted; the bytes decide, not the name.",
        },
    )


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        pytest.param(999, 'The body has "999" bytes; this URL is for a file of exactly 1000.', id="announced-less"),
        pytest.param(1001, 'The body has "1001" bytes; this URL is for a file of exactly 1000.', id="announced-more"),
    ],
)
async def test_another_size_is_refused_by_its_header(agent: Io42Agent, picture: Picture, sent: int, message: str):
    url = await agent.url_for(picture(size=1000))
    answer = await agent.put(url, picture(size=sent))
    assert (answer.status_code, answer.json()) == (400, {"error": "wrong_size", "message": message})


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        pytest.param(999, "The body has 999 bytes; this URL is for a file of exactly 1000.", id="less"),
        pytest.param(1001, "The body has more bytes; this URL is for a file of exactly 1000.", id="more"),
    ],
)
async def test_another_size_is_refused_while_it_arrives(
    agent: Io42Agent, picture: Picture, sent: int, message: str, on_disk: Callable[[], list[str]]
):
    url, image = await agent.url_for(picture(size=1000)), picture(size=sent)
    answer = await agent.client.put(url, content=Body(image[:500], image[500:]), headers={"Content-Type": "image/png"})
    assert (answer.status_code, answer.json()) == (400, {"error": "wrong_size", "message": message})
    assert on_disk() == []


@pytest.mark.parametrize(("width", "height"), [(99, 100), (100, 99), (2049, 100), (100, 2049)])
async def test_a_picture_of_the_wrong_dimensions_is_refused(
    agent: Io42Agent, picture: Picture, width: int, height: int
):
    image = picture(width, height)
    answer = await agent.put(await agent.url_for(image), image)
    assert (answer.status_code, answer.json()) == (
        400,
        {
            "error": "wrong_dimensions",
            "message": f"The picture has {width}x{height} pixels; 100x100 to 2048x2048 are accepted. "
            "Resize it, and ask for an upload URL for the new file.",
        },
    )


@pytest.mark.parametrize(("width", "height"), [(100, 100), (2048, 2048)])
async def test_the_smallest_and_the_largest_picture_are_taken(
    agent: Io42Agent, picture: Picture, width: int, height: int
):
    image = picture(width, height)
    assert (await agent.put(await agent.url_for(image), image)).status_code == 200


async def test_a_refused_file_leaves_the_url_as_it_was(agent: Io42Agent, picture: Picture):
    image = picture()
    url = await agent.url_for(image)
    await agent.put(url, picture(size=len(image) + 50))
    await agent.put(url, bytes(len(image)))
    assert (await agent.put(url, image)).status_code == 200


async def test_a_cut_off_file_of_the_right_size_is_refused(agent: Io42Agent, picture: Picture):
    image = picture(size=2000)[:1000]
    answer = await agent.put(await agent.url_for(image), image)
    assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_format")


@pytest.fixture
def promised(tmp_path: Path) -> Iterator[Callable[[str, int], PresignedBody]]:
    """`promised("image/png", 1000)`: what arrives in place of a PNG of 1000 bytes."""
    with arriving(tmp_path) as body:
        yield lambda kind, size: PresignedBody(body, Permit("PUT", "key", 0, kind, size), (100, 2048))


@pytest.mark.parametrize(
    ("width", "announced", "wrong"),
    [
        pytest.param(3000, "image/png", "wrong_dimensions", id="dimensions"),
        pytest.param(300, "image/webp", "unsupported_format", id="type"),
    ],
)
def test_a_wrong_file_is_refused_in_its_first_64_bytes(
    promised: Callable[[str, int], PresignedBody], picture: Picture, width: int, announced: str, wrong: str
):
    image = picture(width, 200, size=1_000_000)
    file = promised(announced, len(image))
    with pytest.raises(ApiError) as refused:
        file.write(image[:64])
    assert (refused.value.code, file.size) == (wrong, 64)


def test_the_first_byte_too_many_is_refused_and_not_written(
    promised: Callable[[str, int], PresignedBody], picture: Picture
):
    image = picture(size=1000)
    file = promised("image/png", 999)
    with pytest.raises(ApiError, match="more bytes"):
        file.write(image)
    assert file.path.stat().st_size == 0


def test_a_size_that_is_not_in_the_first_bytes_is_checked_at_the_end(
    promised: Callable[[str, int], PresignedBody], other_pictures: SimpleNamespace
):
    image = other_pictures.jpeg(3000, 200, 7)
    file = promised("image/jpeg", len(image))
    for start in range(0, len(image), 10_000):
        file.write(image[start : start + 10_000])
    with pytest.raises(ApiError, match="3000x200"):
        file.examine()
