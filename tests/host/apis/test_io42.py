"""The io42 API (docs/specs/io42.md) without a fee: who may submit, what is promised, what is put."""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from anyio import create_task_group
from httpx2 import AsyncClient, Response

from img402_mcp.host.apis.io42.accounts import Io42Accounts
from img402_mcp.wire import io42

Hosting = Callable[..., AbstractAsyncContextManager[AsyncClient]]
Picture = Callable[..., bytes]


@dataclass
class Agent:
    """An agent of one project with one submission."""

    client: AsyncClient
    key: str
    project: str = "123e4567-e89b-12d3-a456-426614174000"
    submission: str = "sub_789ghi012"

    async def ask(self, intent: Any = None, **headers: str) -> Response:
        """For a URL, for a PNG of these bytes."""
        url = f"/api/agents/projects/{self.project}/submissions/{self.submission}"
        body = {"json": intent} if isinstance(intent, dict) else {"content": intent}
        return await self.client.post(url, headers={"Authorization": f"Bearer {self.key}", **headers}, **body)

    async def url_for(self, image: bytes, media_type: str = "image/png") -> str:
        answer = await self.ask(promise(image, media_type))
        return io42.DataEnvelope.model_validate_json(answer.content).data.upload_url

    async def put(self, url: str, image: bytes, media_type: str = "image/png") -> Response:
        return await self.client.put(url, content=image, headers={"Content-Type": media_type})


def promise(image: bytes, media_type: str = "image/png") -> dict[str, object]:
    return {"fileName": "logo design.png", "fileType": media_type, "fileSize": len(image)}


@pytest.fixture
def known(register: Io42Accounts) -> Callable[[AsyncClient], Agent]:
    """Makes the agent, its project and its submission."""

    def make(client: AsyncClient) -> Agent:
        agent = Agent(client, register.add_agent("bot")["key"])
        register.add_project(agent.project, "0", "open", "image")
        register.add_submission(agent.submission, agent.project, "bot")
        return agent

    return make


@pytest.fixture
async def agent(client: AsyncClient, known: Callable[[AsyncClient], Agent]) -> Agent:
    return known(client)


def told(answer: Response) -> tuple[int, str, str]:
    refused = io42.ErrorEnvelope.model_validate_json(answer.content)
    return answer.status_code, refused.error.code, refused.error.message


async def test_the_answer_is_the_documented_envelope(agent: Agent, picture: Picture):
    image = picture()
    answer = await agent.ask(promise(image))
    body = answer.json()
    url, media_id = urlsplit(body["data"]["uploadUrl"]), body["data"]["mediaFileId"]
    assert body == {
        "success": True,
        "data": {
            "message": "Upload URL generated successfully",
            "uploadUrl": body["data"]["uploadUrl"],
            "mediaFileId": media_id,
            "fileName": "submissions/sub_789ghi012/1770552000123-logo-design.png",
            "submissionId": "sub_789ghi012",
            "expiresAt": "2026-02-08T12:30:00Z",
        },
        "error": None,
    }
    assert f"{url.scheme}://{url.netloc}{url.path}" == f"https://i.example/uploads/{media_id}"
    query = parse_qs(url.query)
    assert re.fullmatch("[0-9a-f]{64}", query.pop("signature")[0])
    assert query == {"expires": ["1770553800"], "type": ["image/png"], "size": [str(len(image))]}
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")


async def test_what_was_promised_is_put_and_the_submission_is_complete(
    agent: Agent, picture: Picture, register: Io42Accounts, on_disk: Callable[[], list[str]]
):
    image = picture()
    put = await agent.put(await agent.url_for(image), image)
    (submission,) = register.submissions()
    assert (put.status_code, put.content) == (200, b"")
    assert on_disk() == [f"{submission['image_id']}.png"]
    assert submission["file_size"] == len(image)
    assert submission["completed_at"] is not None
    assert told(await agent.ask(promise(image))) == (
        409,
        "SUBMISSION_ALREADY_EXISTS",
        "Submission has already been uploaded",
    )


async def test_a_submission_is_at_no_public_address(agent: Agent, picture: Picture, register: Io42Accounts):
    image = picture()
    await agent.put(await agent.url_for(image), image)
    (submission,) = register.submissions()
    assert (await agent.client.get(f"/{submission['image_id']}.png")).status_code == 404


NO_PAYEE = (
    "Project is not accepting submissions (it asks a fee, and this host takes no payments: IMG402_HOST_PAY_TO is not "
    "set)"
)


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        pytest.param({"key": "io42_" + "0" * 40}, (401, "UNAUTHORIZED", "Invalid API key"), id="unknown-key"),
        pytest.param({"project": "nowhere"}, (404, "PROJECT_NOT_FOUND", "Project not found"), id="no-project"),
        pytest.param({"project": "x" * 65}, (404, "PROJECT_NOT_FOUND", "Project not found"), id="no-project-id"),
        pytest.param({"project": "a%00b"}, (404, "PROJECT_NOT_FOUND", "Project not found"), id="nul"),
        pytest.param(
            {"submission": "sub_0"},
            (404, "SUBMISSION_NOT_FOUND", "Submission not found or not authorized"),
            id="no-submission",
        ),
        pytest.param(
            {"project": "judged"},
            (409, "PROJECT_NOT_ACCEPTING", "Project is not accepting submissions (status: judging)"),
            id="not-open",
        ),
        pytest.param(
            {"project": "filmed"}, (400, "VALIDATION_ERROR", "Unsupported project type: video"), id="not-of-images"
        ),
        pytest.param(
            {"project": "other"},
            (404, "SUBMISSION_NOT_FOUND", "Submission not found or not authorized"),
            id="of-another-project",
        ),
        pytest.param(
            {"submission": "sub_of_another"},
            (404, "SUBMISSION_NOT_FOUND", "Submission not found or not authorized"),
            id="of-another-agent",
        ),
        pytest.param(
            {"project": "costly"},
            (
                409,
                "PROJECT_NOT_ACCEPTING",
                NO_PAYEE,
            ),
            id="fee-without-payee",
        ),
    ],
)
async def test_who_may_not_submit_is_told_why(
    agent: Agent, picture: Picture, register: Io42Accounts, changes: dict[str, str], refusal: tuple[int, str, str]
):
    register.add_project("judged", "0", "judging", "image")
    register.add_project("filmed", "0", "open", "video")
    register.add_project("other", "0", "open", "image")
    register.add_project("costly", "0.25", "open", "image")
    register.add_agent("another")
    register.add_submission("sub_of_another", agent.project, "another")
    for name, value in changes.items():
        setattr(agent, name, value)
    assert told(await agent.ask(promise(picture()))) == refusal


@pytest.mark.parametrize("header", ["", "Bearer", "Basic YTpi", "Bearer a b"], ids=["empty", "bare", "basic", "two"])
async def test_without_a_key_the_answer_asks_for_one(agent: Agent, header: str):
    answer = await agent.ask({}, Authorization=header)
    assert told(answer) == (401, "UNAUTHORIZED", "Authentication required")
    assert "X-RateLimit-Limit" not in answer.headers


FAILED = "Upload validation failed: "


@pytest.mark.parametrize(
    ("intent", "sentence"),
    [
        pytest.param(b"", "The body must be a JSON object: fileName, fileType and fileSize", id="nothing"),
        pytest.param(b"[" * 9000, "The body must be a JSON object: fileName, fileType and fileSize", id="deep"),
        pytest.param(
            b" " * 16_385,
            "The body has more than 16384 bytes; the image itself goes to the upload URL",
            id="an-image-itself",
        ),
        pytest.param([1], "The body must be a JSON object: fileName, fileType and fileSize", id="list"),
        pytest.param({"fileName": None}, "File name is required", id="no-name"),
        pytest.param({"fileName": ""}, "File name is required", id="empty-name"),
        *(
            pytest.param(
                {"fileName": name},
                f"{FAILED}Invalid file name. Give 1 to 255 printable characters without / and \\",
                id=f"name-{what}",
            )
            for what, name in {
                "path": "../a.png",
                "windows": "a\\b",
                "nul": "a\0",
                "dots": "..",
                "long": "x" * 256,
            }.items()
        ),
        pytest.param(
            {"fileType": "image/gif"},
            f"{FAILED}Invalid file type. Allowed types: image/jpeg, image/png, image/webp",
            id="gif",
        ),
        pytest.param(
            {"fileType": None},
            f"{FAILED}Invalid file type. Allowed types: image/jpeg, image/png, image/webp",
            id="no-type",
        ),
        *(
            pytest.param(
                {"fileSize": size},
                f"{FAILED}Invalid file size. Give the number of bytes, 1 or more",
                id=f"size-{size!r}",
            )
            for size in (None, "5", True, 0, -1, 1.5)
        ),
        pytest.param(
            {"fileSize": 20 * 1_048_576 + 1}, f"{FAILED}File size too large. Maximum allowed is 20MB", id="too-large"
        ),
    ],
)
async def test_what_cannot_be_taken_is_refused_before_it_is_sent(agent: Agent, intent: Any, sentence: str):
    body = (
        {"fileName": "a.png", "fileType": "image/png", "fileSize": 5, **intent} if isinstance(intent, dict) else intent
    )
    answer = await agent.ask(body if isinstance(body, (dict, bytes)) else b"[1]")
    assert told(answer) == (400, "VALIDATION_ERROR", sentence)


async def test_the_largest_file_may_be_promised(agent: Agent):
    largest = {"fileName": "a.png", "fileType": "image/png", "fileSize": 20 * 1_048_576}
    assert (await agent.ask(largest)).status_code == 200


async def test_a_size_is_a_number_however_json_writes_it(agent: Agent, picture: Picture):
    image = picture(size=1000)
    answer = await agent.ask(b'{"fileName": "a.png", "fileType": "image/png", "fileSize": 1e3}')
    assert (await agent.put(answer.json()["data"]["uploadUrl"], image)).status_code == 200


async def test_a_live_url_is_given_again_and_a_dead_one_replaced(
    agent: Agent, picture: Picture, clock: SimpleNamespace
):
    image = picture()
    first = await agent.url_for(image)
    clock.now += timedelta(minutes=29)
    again = await agent.url_for(image)
    clock.now += timedelta(minutes=1)
    late = await agent.put(first, image)
    fresh = await agent.url_for(image)
    assert again == first
    assert (late.status_code, late.json()["error"]) == (403, "url_expired")
    assert late.json()["message"] == "This URL expired at 2026-02-08T12:30:00Z. Ask for a new one where you got it."
    assert (await agent.put(fresh, image)).status_code == 200


async def test_a_url_for_another_file_replaces_the_first(agent: Agent, picture: Picture):
    image, other = picture(), picture(200, 200)
    first = await agent.url_for(image)
    second = await agent.url_for(other)
    replaced = await agent.put(first, image)
    assert (replaced.status_code, replaced.json()["error"]) == (403, "url_replaced")
    assert (await agent.put(second, other)).status_code == 200


async def test_a_url_takes_one_file(agent: Agent, picture: Picture, on_disk: Callable[[], list[str]]):
    image = picture()
    url = await agent.url_for(image)
    puts: list[Response] = []

    async def put() -> None:
        puts.append(await agent.put(url, image))

    async with create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(put)
    assert sorted(answer.status_code for answer in puts) == [200, 409, 409, 409, 409]
    assert {answer.json()["message"] for answer in puts if answer.status_code == 409} == {
        "A file has been put to this URL already; it takes one."
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
async def test_a_changed_url_allows_nothing(agent: Agent, picture: Picture, change: Callable[[str], str]):
    image = picture()
    answer = await agent.put(change(await agent.url_for(image)), image)
    assert (answer.status_code, answer.json()) == (
        403,
        {
            "error": "access_denied",
            "message": "This is no URL that this host has signed. Use it exactly as it was given.",
        },
    )


async def test_a_url_to_put_is_none_to_look(agent: Agent, picture: Picture):
    url = await agent.url_for(picture())
    assert (await agent.client.get(url.replace("/uploads/", "/previews/"))).status_code == 403
    assert (await agent.client.get(url)).status_code == 405


class Body:
    """Bytes that come piece by piece; `.read` tells how many the host took."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces, self.read = pieces, 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            self.read += len(piece)
            yield piece


async def test_another_type_is_refused_by_its_header(agent: Agent, picture: Picture):
    image = picture()
    answer = await agent.put(await agent.url_for(image), image, "image/webp")
    assert (answer.status_code, answer.json()["message"]) == (
        400,
        'The Content-Type is "image/webp"; this URL is for image/png.',
    )


async def test_another_type_is_refused_by_its_first_bytes(
    agent: Agent, picture: Picture, sample: Callable[[str], bytes]
):
    image = picture(size=500_000)
    url = await agent.url_for(image, "image/webp")
    answer = await agent.put(url, image, "image/webp")
    assert (answer.status_code, answer.json()) == (
        400,
        {
            "error": "unsupported_format",
            "message": "The file is a PNG. Only WebP is taken; the bytes decide, not the name.",
        },
    )


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        pytest.param(999, 'The body has "999" bytes; this URL is for a file of exactly 1000.', id="announced-less"),
        pytest.param(1001, 'The body has "1001" bytes; this URL is for a file of exactly 1000.', id="announced-more"),
    ],
)
async def test_another_size_is_refused_by_its_header(agent: Agent, picture: Picture, sent: int, message: str):
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
async def test_another_size_is_refused_as_it_comes(
    agent: Agent, picture: Picture, sent: int, message: str, on_disk: Callable[[], list[str]]
):
    url, image = await agent.url_for(picture(size=1000)), picture(size=sent)
    answer = await agent.client.put(url, content=Body(image[:500], image[500:]), headers={"Content-Type": "image/png"})
    assert (answer.status_code, answer.json()) == (400, {"error": "wrong_size", "message": message})
    assert on_disk() == []


@pytest.mark.parametrize(("width", "height"), [(99, 100), (100, 99), (2049, 100), (100, 2049)])
async def test_a_picture_of_the_wrong_dimensions_is_refused(agent: Agent, picture: Picture, width: int, height: int):
    image = picture(width, height)
    answer = await agent.put(await agent.url_for(image), image)
    assert (answer.status_code, answer.json()) == (
        400,
        {
            "error": "wrong_dimensions",
            "message": f"The picture has {width}x{height} pixels; 100x100 to 2048x2048 are taken. "
            "Resize it, and ask for an upload URL for the new file.",
        },
    )


@pytest.mark.parametrize(("width", "height"), [(100, 100), (2048, 2048)])
async def test_the_smallest_and_the_largest_picture_are_taken(agent: Agent, picture: Picture, width: int, height: int):
    image = picture(width, height)
    assert (await agent.put(await agent.url_for(image), image)).status_code == 200


async def test_a_refused_file_leaves_the_url_as_it_was(agent: Agent, picture: Picture):
    image = picture()
    url = await agent.url_for(image)
    await agent.put(url, picture(size=len(image) + 50))
    await agent.put(url, bytes(len(image)))
    assert (await agent.put(url, image)).status_code == 200


async def test_a_cut_off_file_of_the_right_size_is_refused(agent: Agent, picture: Picture):
    image = picture(size=2000)[:1000]
    answer = await agent.put(await agent.url_for(image), image)
    assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_format")


async def test_the_three_rate_headers_come_with_every_answer_to_an_agent(agent: Agent, picture: Picture):
    answers = [await agent.ask(promise(picture())), await agent.ask({})]
    agent.project = "nowhere"
    answers.append(await agent.ask({}))
    assert [
        [answer.headers[name] for name in ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")]
        for answer in answers
    ] == [["100", "99", "1770555600"], ["100", "98", "1770555600"], ["100", "97", "1770555600"]]


async def test_past_its_rate_an_agent_waits_for_the_next_hour(
    hosting: Hosting, known: Callable[[AsyncClient], Agent], picture: Picture, clock: SimpleNamespace
):
    async with hosting(IMG402_HOST_IO42_HOURLY="2") as client:
        agent = known(client)
        statuses = [(await agent.ask(promise(picture()))).status_code for _ in range(2)]
        refused = await agent.ask(promise(picture()))
        clock.now += timedelta(hours=1)
        later = await agent.ask(promise(picture()))
    assert statuses == [200, 200]
    assert told(refused) == (429, "RATE_LIMITED", "Rate limit exceeded. Please try again later.")
    assert (refused.headers["X-RateLimit-Remaining"], refused.headers["Retry-After"]) == ("0", "3600")
    assert later.status_code == 200


async def test_the_platform_has_a_limit_of_its_own(
    hosting: Hosting, known: Callable[[AsyncClient], Agent], register: Io42Accounts, picture: Picture
):
    async with hosting(IMG402_HOST_IO42_HOURLY_ALL="2") as client:
        agent = known(client)
        other = Agent(client, register.add_agent("other")["key"])
        first, second = await agent.ask(promise(picture())), await other.ask({})
        third = await agent.ask(promise(picture()))
    assert [answer.status_code for answer in (first, second, third)] == [200, 404, 429]
    assert third.headers["X-RateLimit-Remaining"] == "99"


async def test_concurrent_requests_share_one_count(
    hosting: Hosting, known: Callable[[AsyncClient], Agent], picture: Picture
):
    statuses: list[int] = []
    async with hosting(IMG402_HOST_IO42_HOURLY="5") as first, hosting(IMG402_HOST_IO42_HOURLY="5") as second:
        agent = known(first)

        async def ask(client: AsyncClient) -> None:
            answer = await Agent(client, agent.key).ask(promise(picture()))
            statuses.append(answer.status_code)

        async with create_task_group() as tasks:
            for client in (first, second) * 5:
                tasks.start_soon(ask, client)
    assert sorted(statuses) == [200] * 5 + [429] * 5
