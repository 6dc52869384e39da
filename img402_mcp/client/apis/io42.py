"""io42 (docs/specs/io42.md): a paid request names a URL, and the file is put there.

The API's documents name no statuses, so an answer is judged by its code, whatever status it came with.
"""

import re
from dataclasses import dataclass, field, replace

from pydantic import ValidationError

from img402_mcp.client.apis.base import UploadApi, demand_fits, fields_in, in_words, unknown_answer
from img402_mcp.client.files.image import Image
from img402_mcp.client.http import OnSent, Request, Response
from img402_mcp.errors import BadAnswer, ReadRefused, UploadFailed, UploadRejected, quoted
from img402_mcp.wire import io42 as wire
from img402_mcp.wire.moments import moment_of


@dataclass(frozen=True)
class SubmissionTarget:
    """Which one of which project. Raises ReadRefused if an id is invalid."""

    project_id: str
    submission_id: str

    def __post_init__(self) -> None:
        for name, value in (("project_id", self.project_id), ("submission_id", self.submission_id)):
            if not re.fullmatch(wire.ID, value, re.ASCII):
                raise ReadRefused(
                    f"{name} {quoted(value, 80)} is not an id: io42's ids are up to 64 letters, digits, - and _, as "
                    "sub_789ghi012. Nothing was sent."
                )


@dataclass(frozen=True)
class Io42(UploadApi):
    key: str = field(repr=False)
    forwarded_for: str | None = None

    def demand_fits(self, image: Image) -> None:
        """Refuses before money moves if the API would refuse. Raises ReadRefused."""
        demand_fits(image, "io42", wire.MEDIA_TYPES, wire.MAX_BYTES)
        size = image.picture
        if not all(wire.MIN_PIXELS <= side <= wire.MAX_PIXELS for side in (size.width, size.height)):
            raise ReadRefused(
                f"The image is {size.width}x{size.height} pixels, and io42 takes {wire.MIN_PIXELS} to "
                f"{wire.MAX_PIXELS} on each side. Scale it and submit that file; nothing was sent or paid."
            )

    def request(self, image: Image, submission: SubmissionTarget) -> Request:
        """Asks for an upload URL. The same image and ids make the same bytes."""
        kind = image.picture.format
        name = f"{submission.submission_id}.{kind.extension}"  # the file's name can reveal more than the picture
        intent = wire.Intent(file_name=name, file_type=kind.media_type, file_size=len(image.data))
        body = intent.model_dump_json(by_alias=True).encode()
        route = wire.SUBMISSION.format(project_id=submission.project_id, submission_id=submission.submission_id)
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        headers |= {wire.FORWARDED_FOR: self.forwarded_for} if self.forwarded_for else {}
        return Request("POST", self.api_url + route, headers, (body,))

    def slot_in(self, answer: Response, submission: SubmissionTarget) -> wire.Slot:
        """Raises UploadRejected, UploadFailed, BadAnswer."""
        if code_in(answer) or not answer.is_success:
            raise self._rejection(answer)
        try:
            slot = wire.DataEnvelope.model_validate_json(answer.body).data
        except ValidationError as error:
            odd = ", ".join(sorted({".".join(map(str, part["loc"])) for part in error.errors()}))
            raise BadAnswer(
                f"{self.where} answered {answer.status}, but without a usable upload URL (wrong or missing: "
                f"{quoted(odd)})."
            ) from None
        if slot.submission_id != submission.submission_id:
            raise BadAnswer(f"{self.where} named an upload URL for another submission, {quoted(slot.submission_id)}.")
        return slot

    def put(self, slot: wire.Slot, image: Image, on_sent: OnSent | None = None) -> Request:
        """Neither the key nor a proof goes there: the URL alone is the right to put one file."""
        headers = {"Content-Type": image.picture.format.media_type}
        return Request("PUT", slot.upload_url, headers, (image.data,), on_sent)

    def _rejection(self, answer: Response) -> UploadRejected | UploadFailed:
        code, message = problem_in(answer)
        known = _SENTENCES.get(code) or (_SENTENCES["RATE_LIMITED"] if answer.status == 429 else "")
        sentence = known or unknown_answer(answer.status, "io42", "IMG402_IO42_URL")
        text = in_words(
            sentence, answer, self.api_url, words=message, otherwise=_reset_text(answer) or "within the hour"
        )
        failed = code in _FAILURES or (code not in _SENTENCES and answer.status >= 500)
        return UploadFailed(text) if failed else UploadRejected(text, code=code)


def by_code(answer: Response) -> Response:
    """The answer with the status that matches its code, for callers that only look at statuses."""
    status = wire.STATUS_OF.get(code_in(answer))
    return replace(answer, status=status) if status else answer


def code_in(answer: Response) -> str:
    return problem_in(answer)[0]


def problem_in(answer: Response) -> tuple[str, str]:
    """Code and message of a refusal; empty where there is none."""
    document = fields_in(answer.body)
    error = document.get("error")
    if not isinstance(error, dict) or document.get("success") is True:
        return "", ""
    code, message = error.get("code"), error.get("message")
    return code if isinstance(code, str) else "", message if isinstance(message, str) else ""


_SENTENCES = {
    "UNAUTHORIZED": "{where} does not accept the key: IMG402_IO42_KEY must be this agent's key, and still valid.",
    "PAYMENT_REQUIRED": "{where} asks for the entry fee, but offers no known way to pay it.",
    "PAYMENT_FAILED": "{where} says that the payment of the entry fee failed. Check the wallet's USDC balance.",
    "PAYMENT_INVALID": "{where} cannot read the payment that was sent.",
    "PAYMENT_CONFLICT": "{where} says that this payment is bound to something else.",
    "PAYMENT_PENDING": "{where} does not know yet whether the payment was settled; call again in a minute.",
    "VALIDATION_ERROR": "{where} does not accept this file for this project. Its message says what is wrong: the type, "
    "the size, the name, or a project that is not for images.",
    "PROJECT_NOT_FOUND": "{where} has no such project: check project_id.",
    "PROJECT_NOT_ACCEPTING": "The project at {where} accepts no submissions now: it is closed, or being judged.",
    "SUBMISSION_NOT_FOUND": "{where} has no such submission of this agent: submission_id must be that of an intent "
    "made with the same key.",
    "SUBMISSION_ALREADY_EXISTS": "{where} says that this submission has been uploaded already.",
    "RATE_LIMITED": "{where} accepts no more requests from this agent for now: try again {wait}.",
    "UPLOAD_FAILED": "{where} had a server error. Nothing is wrong with the image: try again in a few minutes.",
}
_FAILURES = {"UPLOAD_FAILED", "PAYMENT_PENDING"}


def _reset_text(answer: Response) -> str:
    """From the rate headers, if there is no Retry-After."""
    limit, reset = (answer.headers.get(name.lower(), "") for name in (wire.RATE_LIMIT, wire.RATE_RESET))
    if not _is_number(reset) or int(reset) > _YEAR_3000:
        return ""
    most = f" (it allows {limit} an hour)" if _is_number(limit) else ""
    return f"at {moment_of(int(reset)):%Y-%m-%d %H:%M:%SZ}{most}"


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 12


_YEAR_3000 = 32_503_680_000
