"""io42, both wings joined in memory: MCP client -> tool -> wallet -> host -> upload URL -> file."""

import json
import logging
from typing import Any

import pytest
from mcp_types import ElicitResult

from img402_mcp.client.io42_submit import Submitted
from tests.fakes.agent import ERAS, text
from tests.fakes.io42 import submit, submitted_or_error
from tests.fakes.keys import KEY
from tests.fakes.serving import reply


@ERAS
async def test_an_image_is_submitted_for_one_fee_and_the_same_call_again_does_nothing(era, platform, logo):
    async with platform.agent(era) as client:
        first = await submit(client, logo)
        again = await submit(client, logo)
    assert not first.is_error, text(first)
    answer = first.structured_content
    assert answer == {
        "submission_id": "sub_1",
        "media_file_id": answer["media_file_id"],
        "fee_usdc": "0.25",
    }
    assert text(first) == (
        f"Submitted to project logos as sub_1, media file {answer['media_file_id']}: image/png, 120x100, "
        f"{logo.stat().st_size} bytes. The fee of 0.25 USDC was paid."
    )
    assert again.structured_content == answer | {"reused": True}
    assert text(again) == text(first) + " It was delivered before; nothing was paid or sent now."
    assert platform.passed == [("POST", 402), ("POST", 200), ("PUT", 200)]
    assert (len(platform.wire.proofs), platform.delivered) == (1, ["sub_1"])


async def test_the_request_and_the_put_carry_only_what_they_must(platform, logo):
    async with platform.agent(forwarded_for="203.0.113.9") as client:
        await submit(client, logo)
    _, paid, put = platform.wire.requests
    assert paid.headers["authorization"] == f"Bearer {platform.key}"
    assert paid.headers["x-forwarded-for"] == "203.0.113.9"
    assert put.headers["host"] == "localhost"
    assert str(put.url).startswith("http://127.0.0.1")
    assert {name: put.headers.get(name) for name in ("content-type", "content-length")} == {
        "content-type": "image/png",
        "content-length": str(logo.stat().st_size),
    }
    sent = json.dumps([dict(put.headers), str(put.url)])
    assert [secret for secret in (platform.key, *platform.wire.proofs, "203.0.113.9") if secret in sent] == []


async def test_the_api_does_not_get_the_users_file_name(platform, logo):
    async with platform.agent() as client:
        await submit(client, logo)
    (row,) = [row for row in platform.accounts.submissions() if row["completed_at"]]
    assert row["file_name"] == "sub_1.png"


async def test_a_free_submission_needs_no_wallet(platform, logo):
    async with platform.agent(purse={"wallet": None}) as client:
        free = await submit(client, logo, "sub_free", "sketches")
        fee = await submit(client, logo)
    assert free.structured_content["fee_usdc"] == "0"
    assert text(free).endswith("bytes. No fee was asked.")
    assert "A fee is asked for and no wallet is set; nothing was signed. Name one with IMG402_WALLET_FILE" in text(fee)
    assert platform.delivered == ["sub_free"]


@pytest.mark.parametrize(
    ("changes", "money", "sentence"),
    [
        pytest.param(
            {"max_fee": 0}, {}, "at most 0 is allowed for one payment. IMG402_IO42_MAX_FEE changes", id="none"
        ),
        pytest.param({"max_fee": 249_999}, {}, "IMG402_IO42_MAX_FEE changes that.", id="too-dear"),
        pytest.param({"pay_to": "0x" + "11" * 20}, {}, "is expected (IMG402_IO42_PAY_TO)", id="payee"),
        pytest.param({}, {"daily_budget": 249_999}, "or change IMG402_DAILY_BUDGET.", id="day"),
        pytest.param({}, {"networks": ("base",)}, "IMG402_NETWORKS allows base.", id="network"),
    ],
)
async def test_invariant_5_a_fee_that_the_settings_do_not_allow_is_not_signed(changes, money, sentence, platform, logo):
    async with platform.agent(purse=money, **changes) as client:
        result = await submit(client, logo)
    assert sentence in text(result)
    assert platform.passed == [("POST", 402)]
    assert platform.wire.proofs == set()


async def test_io42_has_its_own_payee_and_limit(platform, logo):
    async with platform.agent(purse={"max_payment": 1, "pay_to": "0x" + "11" * 20}) as client:
        assert not (await submit(client, logo)).is_error


@pytest.mark.parametrize(
    ("size", "project", "submission", "sentence"),
    [
        pytest.param((99, 100), "logos", "sub_1", "The image is 99x100 pixels, and io42 takes 100 to 2048", id="small"),
        pytest.param((100, 2049), "logos", "sub_1", "The image is 100x2049 pixels", id="large"),
        pytest.param((100, 100), "../x", "sub_1", 'project_id "../x" is not an id', id="project"),
        pytest.param((100, 100), "logos", "a?b", 'submission_id "a?b" is not an id', id="submission"),
        pytest.param((100, 100), "logos", "sub_1\n", r'submission_id "sub_1\n" is not an id', id="newline"),
        pytest.param((100, 100), "logos", "", 'submission_id "" is not an id', id="empty"),
        pytest.param((100, 100), "l" * 65, "sub_1", "is not an id: io42's ids are up to 64 letters", id="long"),
    ],
)
async def test_what_would_be_refused_is_refused_before_anything_is_sent(
    size, project, submission, sentence, platform, logo, picture_of
):
    logo.write_bytes(picture_of(*size))
    async with platform.agent() as client:
        result = await submit(client, logo, submission, project)
    assert sentence in text(result)
    assert platform.passed == []


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        pytest.param("animated.gif", "The image is a GIF, and io42 takes PNG, JPEG, WebP.", id="gif"),
        pytest.param(20 * 1024 * 1024 + 1, "bytes, and io42 takes at most 20,971,520.", id="too-many-bytes"),
    ],
)
async def test_a_type_or_size_that_would_be_refused_costs_nothing(file, sentence, platform, logo, picture_of, sample):
    logo.write_bytes(sample(file) if isinstance(file, str) else picture_of(100, 100, padding=file))
    async with platform.agent() as client:
        result = await submit(client, logo, fit="never")
    assert sentence in text(result)
    assert platform.passed == []


GRANT = {
    "success": True,
    "data": {
        "message": "Upload URL generated successfully",
        "uploadUrl": "https://r2.example/sub_1?X-Amz-Signature=canary",
        "mediaFileId": "media_abc123",
        "fileName": "submissions/sub_1/1-a.png",
        "submissionId": "sub_1",
        "expiresAt": "2099-01-15T15:30:00Z",
    },
    "error": None,
}


def granting(**changes: object) -> dict[str, object]:
    return GRANT | {"data": {**GRANT["data"], **changes}}  # type: ignore[dict-item]  # it is one


async def test_an_unreachable_upload_url_is_replaced_with_the_same_proof(platform, logo):
    urls = ("https://169.254.169.254/x?X-Amz-Signature=canary", "https://[1.2.3.4]/x?X-Amz-Signature=canary")
    data: Any = GRANT["data"]
    platform.wire.mishaps["POST"] = [reply(200, {**GRANT, "data": {**data, "uploadUrl": url}}) for url in urls]
    async with platform.submitter() as submitting:
        first = await submitted_or_error(submitting, logo)
        second = await submitted_or_error(submitting, logo)
        third = await submitted_or_error(submitting, logo)
    assert "The fee is paid" in first
    assert "The fee is paid" in second
    assert "canary" not in first + second
    assert isinstance(third, Submitted)
    assert len(platform.wire.proofs) == 1


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        pytest.param({"success": True}, 'without a usable upload URL (wrong or missing: "data")', id="no-data"),
        pytest.param({"success": True, "data": None}, "without a usable upload URL", id="null-data"),
        pytest.param(granting(uploadUrl=5), '(wrong or missing: "data.uploadUrl")', id="url-a-number"),
        pytest.param(granting(expiresAt="soon"), '(wrong or missing: "data.expiresAt")', id="no-moment"),
        pytest.param(granting(submissionId="sub_2"), 'for another submission, "sub_2"', id="another-submission"),
        pytest.param([], "without a usable upload URL", id="a-list"),
        pytest.param({"uploadUrl": "https://r2.example/"}, "without a usable upload URL", id="no-envelope"),
        pytest.param(granting(uploadUrl="ftp://r2.example/x?canary"), "not a usable URL, at", id="scheme"),
        pytest.param(granting(uploadUrl="file:///etc/passwd"), "not a usable URL, at", id="file"),
        pytest.param(granting(uploadUrl="http://127.0.0.1/x\r\nX: canary"), "not a usable URL, at", id="newline"),
        pytest.param(granting(uploadUrl="http://a:canary@127.0.0.1/x"), "not a usable URL, at", id="password"),
        pytest.param(
            granting(uploadUrl="http://169.254.169.254/x?canary"), "is a link-local or reserved address", id="metadata"
        ),
    ],
)
async def test_an_unusable_grant_keeps_the_fee_and_shows_no_secret(answer, sentence, platform, logo, caplog):
    caplog.set_level(logging.DEBUG)
    platform.wire.mishaps["POST"] = [reply(200, answer)]
    async with platform.submitter() as submitting:
        outcome = await submitted_or_error(submitting, logo)
        platform.wire.mishaps["POST"] = []
        assert sentence in outcome
        assert "Make the same call again: nothing more is paid for this file." in outcome
        assert "canary" not in outcome + caplog.text
        last = await submitted_or_error(submitting, logo)
    assert isinstance(last, Submitted) or "nothing more is paid" in last
    assert len(platform.wire.proofs) == 1


@ERAS
@pytest.mark.parametrize("pays", [True, False])
async def test_the_user_is_asked_where_that_is_set(era, pays, platform, logo):
    questions = []

    async def on_question(_, question):
        questions.append(question.message)
        return ElicitResult(action="accept", content={"pay": pays})

    async with platform.agent(era, {"approve": "ask"}, on_question) as client:
        result = await submit(client, logo)
    assert questions == ["Pay 0.25 USDC to localhost as the entry fee of submission sub_1 to project logos?"]
    assert result.is_error is not pays
    assert platform.delivered == ["sub_1"] * pays


async def test_a_client_that_cannot_ask_pays_nothing_where_the_user_must_be_asked(platform, logo):
    async with platform.agent(purse={"approve": "ask"}) as client:
        result = await submit(client, logo)
    assert "this client cannot ask; nothing was signed." in text(result)
    assert platform.wire.proofs == set()


async def test_invariant_8_no_secret_is_in_an_answer_a_log_or_a_repr(platform, logo, caplog):
    caplog.set_level(logging.DEBUG)
    platform.wire.mishaps["PUT"] = [reply(403)]
    async with platform.submitter() as submitting:
        shown = f"{submitting!r} {await submitted_or_error(submitting, logo)!r}"
    async with platform.agent() as client:
        shown += (await submit(client, logo)).model_dump_json()
        shown += (await client.call_tool("payment_status")).model_dump_json()
    puts = [request.url.query.decode() for request in platform.wire.requests if request.method == "PUT"]
    signatures = [part.partition("=")[2] for query in puts for part in query.split("&") if len(part) > 30]
    assert signatures
    for secret in (platform.key, KEY[2:], *platform.wire.proofs, *puts, *signatures):
        assert secret not in shown + caplog.text


async def test_the_tool_is_listed_only_where_io42_is_configured(platform, logo):
    async with platform.agent() as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    tool = tools["submit_image"]
    assert tool.annotations.model_dump(exclude_none=True) == {"destructive_hint": True, "idempotent_hint": True}
    assert [*tool.input_schema["properties"]] == ["project_id", "submission_id", "path", "fit"]
