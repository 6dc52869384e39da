"""The io42 API: every documented code has its own sentence, whatever status it came with."""

import json
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

import pytest

from img402_mcp.client.apis.io42 import Io42, SubmissionTarget, by_code
from img402_mcp.client.files.image import Image
from img402_mcp.client.http import Response
from img402_mcp.errors import Img402Error, ReadRefused, UploadFailed, UploadRejected
from img402_mcp.formats import examine
from img402_mcp.wire.io42 import STATUS_OF, Slot

IO42 = Io42("https://io42.xyz/api", "io42_secret")
SUBMISSION = SubmissionTarget("123e4567-e89b-12d3-a456-426614174000", "sub_789ghi012")
DOCUMENTED = {
    "success": True,
    "data": {
        "message": "Upload URL generated successfully",
        "uploadUrl": "https://r2.cloudflarestorage.com/bucket/1703510400000-logo-design.png?X-Amz-Signature=canary",
        "mediaFileId": "media_abc123",
        "fileName": "submissions/sub_789ghi012/1703510400000-logo-design.png",
        "submissionId": "sub_789ghi012",
        "expiresAt": "2024-01-15T15:30:00Z",
    },
    "error": None,
}


@pytest.fixture
def image(picture_of) -> Image:
    data = picture_of(100, 2048)
    return Image(Path("/pictures/salary list.png"), data, examine(data))


def refused(code: str, message: str = "So it is", status: int = 400, **headers: str) -> Response:
    body = {"success": False, "error": {"code": code, "message": message}}
    return Response(status, headers, json.dumps(body).encode())


def test_the_documented_answer_is_understood_and_its_url_is_in_no_repr():
    slot = IO42.slot_in(Response(200, {}, json.dumps(DOCUMENTED | {"new": 1}).encode()), SUBMISSION)
    assert slot == Slot(
        upload_url=DOCUMENTED["data"]["uploadUrl"],
        media_file_id="media_abc123",
        file_name="submissions/sub_789ghi012/1703510400000-logo-design.png",
        submission_id="sub_789ghi012",
        expires_at=datetime(2024, 1, 15, 15, 30, tzinfo=UTC),
    )
    assert "canary" not in repr(slot)
    assert "secret" not in repr(IO42)


def test_the_request_is_the_documented_one_and_the_same_every_time(image):
    request = IO42.request(image, SUBMISSION)
    assert request.url == (
        "https://io42.xyz/api/agents/projects/123e4567-e89b-12d3-a456-426614174000/submissions/sub_789ghi012"
    )
    assert request.headers == {"Authorization": "Bearer io42_secret", "Content-Type": "application/json"}
    assert json.loads(request.body[0]) == {
        "fileName": "sub_789ghi012.png",
        "fileType": "image/png",
        "fileSize": len(image.data),
    }
    assert IO42.request(image, SUBMISSION) == request


SENTENCES = [
    pytest.param("UNAUTHORIZED", "io42.xyz does not accept the key: IMG402_IO42_KEY must be", id="UNAUTHORIZED"),
    pytest.param("PAYMENT_REQUIRED", "io42.xyz asks for the entry fee, but offers no known way", id="PAYMENT_REQUIRED"),
    pytest.param("PAYMENT_FAILED", "io42.xyz says that the payment of the entry fee failed.", id="PAYMENT_FAILED"),
    pytest.param("PAYMENT_INVALID", "io42.xyz cannot read the payment that was sent.", id="PAYMENT_INVALID"),
    pytest.param("PAYMENT_CONFLICT", "io42.xyz says that this payment is bound to something", id="PAYMENT_CONFLICT"),
    pytest.param("PAYMENT_PENDING", "io42.xyz does not know yet whether the payment was", id="PAYMENT_PENDING"),
    pytest.param("VALIDATION_ERROR", "io42.xyz does not accept this file for this project.", id="VALIDATION_ERROR"),
    pytest.param("PROJECT_NOT_FOUND", "io42.xyz has no such project: check project_id.", id="PROJECT_NOT_FOUND"),
    pytest.param("PROJECT_NOT_ACCEPTING", "The project at io42.xyz accepts no submissions now", id="NOT_ACCEPTING"),
    pytest.param("SUBMISSION_NOT_FOUND", "io42.xyz has no such submission of this agent", id="SUBMISSION_NOT_FOUND"),
    pytest.param("SUBMISSION_ALREADY_EXISTS", "io42.xyz says that this submission has been", id="ALREADY_EXISTS"),
    pytest.param("RATE_LIMITED", "io42.xyz accepts no more requests from this agent for now", id="RATE_LIMITED"),
    pytest.param("UPLOAD_FAILED", "io42.xyz had a server error. Nothing is wrong with", id="UPLOAD_FAILED"),
]


@pytest.mark.parametrize("status", [200, 400, 402, 418, 500])
@pytest.mark.parametrize(("code", "sentence"), SENTENCES)
def test_every_code_has_its_own_sentence_whatever_its_status(code, sentence, status):
    answer = refused(code, "Their\nwords", status)
    with pytest.raises((UploadRejected, UploadFailed)) as caught:
        IO42.slot_in(answer, SUBMISSION)
    assert str(caught.value).startswith(sentence)
    assert str(caught.value).endswith(r'Its own words: "Their\nwords"')
    assert isinstance(caught.value, UploadFailed) is (code in {"UPLOAD_FAILED", "PAYMENT_PENDING"})
    assert by_code(answer).status == STATUS_OF[code]


def test_no_code_is_without_a_sentence():
    assert {parameters.values[0] for parameters in SENTENCES} == {*STATUS_OF}


@pytest.mark.parametrize(
    ("status", "body", "error", "sentence"),
    [
        pytest.param(400, "NEW_CODE", UploadRejected, "io42.xyz refused the upload (status 400)", id="new-code"),
        pytest.param(302, b"", UploadRejected, "io42.xyz answered with a redirect (status 302)", id="redirect"),
        pytest.param(
            404,
            b"<html>",
            UploadRejected,
            "There is no io42 API at io42.xyz (status 404): IMG402_IO42_URL",
            id="elsewhere",
        ),
        pytest.param(429, b"", UploadRejected, "io42.xyz accepts no more requests from this agent", id="bare-429"),
        pytest.param(502, b"<html>", UploadFailed, "io42.xyz had a server error (status 502)", id="proxy"),
        pytest.param(400, b"[" * 100_000, UploadRejected, "io42.xyz refused the upload", id="deep"),
        pytest.param(400, b'{"error": {"code": 5, "message": []}}', UploadRejected, "io42.xyz refused", id="shapes"),
        pytest.param(200, b"\xff", UploadFailed, "io42.xyz answered 200, but without a usable upload URL", id="bytes"),
    ],
)
def test_an_answer_without_a_known_code_is_described_by_its_status(status, body, error, sentence):
    answer = refused(body, "", status) if isinstance(body, str) else Response(status, {}, body)
    with pytest.raises(error) as caught:
        IO42.slot_in(answer, SUBMISSION)
    assert str(caught.value).startswith(sentence)
    assert by_code(answer) == answer


@pytest.mark.parametrize(
    ("headers", "when"),
    [
        pytest.param({}, "try again within the hour.", id="nothing"),
        pytest.param({"retry-after": "90"}, "try again in 90 seconds.", id="retry-after"),
        pytest.param(
            {"x-ratelimit-limit": "100", "x-ratelimit-reset": "1703515200"},
            "try again at 2023-12-25 14:40:00Z (it allows 100 an hour).",
            id="the-documented-one",
        ),
        pytest.param({"x-ratelimit-reset": "99999999999"}, "try again within the hour.", id="never"),
        pytest.param({"x-ratelimit-reset": "9" * 5000}, "try again within the hour.", id="endless"),
        pytest.param({"x-ratelimit-reset": "-1"}, "try again within the hour.", id="negative"),
        pytest.param(
            {"x-ratelimit-reset": "0", "x-ratelimit-limit": "x\ny"}, "try again at 1970-01-01 00:00:00Z.", id="odd"
        ),
    ],
)
def test_a_rate_limit_says_when_to_try_again(headers, when):
    with pytest.raises(UploadRejected) as caught:
        IO42.slot_in(refused("RATE_LIMITED", "", 429, **headers), SUBMISSION)
    assert str(caught.value).endswith(when)


@pytest.mark.parametrize(
    ("width", "height", "fits"),
    [(100, 100, True), (2048, 2048, True), (99, 100, False), (100, 99, False), (2049, 100, False), (100, 2049, False)],
)
def test_the_documented_pixels_are_the_limits(width, height, fits, picture_of):
    data = picture_of(width, height)
    with nullcontext() if fits else pytest.raises(ReadRefused, match="io42 takes 100 to 2048 on each side"):
        IO42.demand_fits(Image(Path("/a.png"), data, examine(data)))


@pytest.mark.parametrize("text", ["", "a/b", "..", "a b", "a%2Fb", "é", "a\n", "a" * 65])
def test_an_invalid_id_is_refused(text):
    with pytest.raises(Img402Error, match="is not an id: io42's ids are up to 64 letters, digits, - and _"):
        SubmissionTarget(text, "sub_1")
    with pytest.raises(Img402Error, match="submission_id"):
        SubmissionTarget("p", text)
