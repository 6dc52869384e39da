"""The io42 API (docs/specs/io42.md) without a fee: who may submit, what may be announced, and how often."""

import re
from asyncio import gather
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from httpx2 import AsyncClient

from img402_mcp.host.apis.io42.accounts import Io42Accounts
from tests.fakes.fixtures import Hosting, Picture
from tests.fakes.io42_agent import Io42Agent, promise, refusal_in


async def test_the_answer_is_the_documented_envelope(agent: Io42Agent, picture: Picture):
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


NO_PAYEE = (
    "Project is not accepting submissions (it asks for a fee, and this host accepts no payments: IMG402_HOST_PAY_TO is "
    "not set)"
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
async def test_a_refused_agent_learns_the_reason(
    agent: Io42Agent, picture: Picture, accounts: Io42Accounts, changes: dict[str, str], refusal: tuple[int, str, str]
):
    accounts.add_project("judged", "0", "judging", "image")
    accounts.add_project("filmed", "0", "open", "video")
    accounts.add_project("other", "0", "open", "image")
    accounts.add_project("costly", "0.25", "open", "image")
    accounts.add_agent("another")
    accounts.add_submission("sub_of_another", agent.project, "another")
    for name, value in changes.items():
        setattr(agent, name, value)
    assert refusal_in(await agent.ask(promise(picture()))) == refusal


@pytest.mark.parametrize("header", ["", "Bearer", "Basic YTpi", "Bearer a b"], ids=["empty", "bare", "basic", "two"])
async def test_a_request_without_a_key_is_asked_for_one(agent: Io42Agent, header: str):
    answer = await agent.ask({}, Authorization=header)
    assert refusal_in(answer) == (401, "UNAUTHORIZED", "Authentication required")
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
async def test_an_unacceptable_file_is_refused_before_it_is_sent(agent: Io42Agent, intent: Any, sentence: str):
    body = (
        {"fileName": "a.png", "fileType": "image/png", "fileSize": 5, **intent} if isinstance(intent, dict) else intent
    )
    answer = await agent.ask(body if isinstance(body, (dict, bytes)) else b"[1]")
    assert refusal_in(answer) == (400, "VALIDATION_ERROR", sentence)


async def test_the_largest_file_may_be_announced(agent: Io42Agent):
    largest = {"fileName": "a.png", "fileType": "image/png", "fileSize": 20 * 1_048_576}
    assert (await agent.ask(largest)).status_code == 200


async def test_a_size_is_a_number_however_json_writes_it(agent: Io42Agent, picture: Picture):
    image = picture(size=1000)
    answer = await agent.ask(b'{"fileName": "a.png", "fileType": "image/png", "fileSize": 1e3}')
    assert (await agent.put(answer.json()["data"]["uploadUrl"], image)).status_code == 200


async def test_a_live_url_is_returned_again_and_an_expired_one_replaced(
    agent: Io42Agent, picture: Picture, clock: SimpleNamespace
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


async def test_a_url_for_another_file_replaces_the_first(agent: Io42Agent, picture: Picture):
    image, other = picture(), picture(200, 200)
    first = await agent.url_for(image)
    second = await agent.url_for(other)
    replaced = await agent.put(first, image)
    assert (replaced.status_code, replaced.json()["error"]) == (403, "url_replaced")
    assert (await agent.put(second, other)).status_code == 200


async def test_the_three_rate_headers_come_with_every_answer_to_an_agent(agent: Io42Agent, picture: Picture):
    answers = [await agent.ask(promise(picture())), await agent.ask({})]
    agent.project = "nowhere"
    answers.append(await agent.ask({}))
    assert [
        [answer.headers[name] for name in ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")]
        for answer in answers
    ] == [["100", "99", "1770555600"], ["100", "98", "1770555600"], ["100", "97", "1770555600"]]


async def test_past_its_rate_an_agent_waits_for_the_next_hour(
    hosting: Hosting, known: Callable[[AsyncClient], Io42Agent], picture: Picture, clock: SimpleNamespace
):
    async with hosting(IMG402_HOST_IO42_HOURLY="2") as client:
        agent = known(client)
        statuses = [(await agent.ask(promise(picture()))).status_code for _ in range(2)]
        refused = await agent.ask(promise(picture()))
        clock.now += timedelta(hours=1)
        later = await agent.ask(promise(picture()))
    assert statuses == [200, 200]
    assert refusal_in(refused) == (429, "RATE_LIMITED", "Rate limit exceeded. Please try again later.")
    assert (refused.headers["X-RateLimit-Remaining"], refused.headers["Retry-After"]) == ("0", "3600")
    assert later.status_code == 200


async def test_the_platform_has_its_own_limit(
    hosting: Hosting, known: Callable[[AsyncClient], Io42Agent], accounts: Io42Accounts, picture: Picture
):
    async with hosting(IMG402_HOST_IO42_HOURLY_ALL="2") as client:
        agent = known(client)
        other = replace(agent, key=accounts.add_agent("other")["key"])
        first, second = await agent.ask(promise(picture())), await other.ask({})
        third = await agent.ask(promise(picture()))
    assert [answer.status_code for answer in (first, second, third)] == [200, 404, 429]
    assert third.headers["X-RateLimit-Remaining"] == "99"


async def test_concurrent_requests_share_one_count(
    hosting: Hosting, known: Callable[[AsyncClient], Io42Agent], picture: Picture
):
    async with hosting(IMG402_HOST_IO42_HOURLY="5") as first, hosting(IMG402_HOST_IO42_HOURLY="5") as second:
        one = known(first)
        agents = (one, replace(one, client=second)) * 5
        answers = await gather(*(agent.ask(promise(picture())) for agent in agents))
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [429] * 5
