"""The io42 submissions API (docs/specs/io42.md): an upload URL for a submission, for its fee; then the file.

Whatever would be refused is refused before the fee is asked for. The fee belongs to the submission: once it is paid,
the agent gets an upload URL as often as it asks, until the file has arrived.
"""

import json
import re
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from img402_mcp.host.api_keys import bearer
from img402_mcp.host.apis.io42.fee import fee_sale
from img402_mcp.host.apis.io42.presigned_put import PresignedBody, promised_image
from img402_mcp.host.apis.io42.submissions import AlreadyUploaded, Project, PromisedUpload, Submission, Submissions
from img402_mcp.host.context import Host
from img402_mcp.host.db.plain import Transaction
from img402_mcp.host.errors import UNCACHED, ApiError, json_response, storing
from img402_mcp.host.payments.payload import presented
from img402_mcp.host.payments.paywall import EXPOSED, PaymentRequiredError, Paywall, pending
from img402_mcp.host.rate_limits import Allowance, HourlyLimits
from img402_mcp.host.settings.io42 import Io42HostSettings
from img402_mcp.host.storage.images import StoredImage
from img402_mcp.host.storage.quota import held
from img402_mcp.host.storage.receive import counted
from img402_mcp.host.storage.signed_urls import PUTTING, Permit
from img402_mcp.host.storage.store import PendingImage, described_private
from img402_mcp.wire import io42

PATH = f"/api{io42.SUBMISSION}"
PUT_PATH = PUTTING + "{key}"
MAX_BODY_BYTES = 16_384
MAX_NAME_LENGTH = 255
_ID = re.compile(io42.ID, re.ASCII)
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+", re.ASCII)

CODES = {
    "invalid_payment": "PAYMENT_INVALID",
    "payment_conflict": "PAYMENT_CONFLICT",
    "payment_pending": "PAYMENT_PENDING",
    "already_uploaded": "SUBMISSION_ALREADY_EXISTS",
    "storage_full": "UPLOAD_FAILED",
    "upload_failed": "UPLOAD_FAILED",
}
"""What the rooms that several APIs share say -> this API's word."""


class Io42Error(ApiError):
    """Its code is one of this API's."""

    def response(self) -> Response:
        body = io42.ErrorEnvelope(error=io42.EnvelopeError(code=self.code, message=str(self)))
        return json_response(body, EXPOSED | self.headers, io42.STATUS_OF[self.code])


@dataclass(frozen=True)
class Io42Context:
    """What the endpoints share. `paywall` None: this host accepts no payments."""

    host: Host
    terms: Io42HostSettings
    paywall: Paywall | None
    submissions: Submissions
    limits: HourlyLimits


def routes(host: Host, paywall: Paywall | None) -> list[Route]:
    terms = host.settings.of(Io42HostSettings)
    limits = HourlyLimits(host.database, "io42", terms.hourly, terms.hourly_all)
    context = Io42Context(host, terms, paywall, Submissions(host.database), limits)
    return [
        Route(PATH, partial(_submitted, context), methods=["POST"]),
        Route(PUT_PATH, partial(_put, context), methods=["PUT"]),
    ]


async def _submitted(context: Io42Context, request: Request) -> Response:
    """Counts every request of a known agent; the answer's headers say how many are left this hour."""
    message = "The host could not store this. Send the same request again; it will not be charged twice."
    left: dict[str, str] = {}
    try:
        with storing("a submission failed", message):
            agent_id = await _agent_id(context, request)
            allowance = await to_thread.run_sync(context.limits.take, agent_id, context.host.now())
            left = allowance.headers
            response = await _submit(context, request, agent_id, allowance)
    except ApiError as refused:
        response = _declined(refused).response()
    response.headers.update(left)
    return response


def _declined(refused: ApiError) -> ApiError:
    if isinstance(refused, Io42Error | PaymentRequiredError):
        return refused
    return Io42Error(CODES[refused.code], str(refused), retry_after=refused.retry_after)


async def _agent_id(context: Io42Context, request: Request) -> str:
    key = bearer(request.headers)
    if key is None:
        raise Io42Error("UNAUTHORIZED", "Authentication required")
    agent_id = await to_thread.run_sync(context.submissions.agent_id, key)
    if agent_id is None:
        raise Io42Error("UNAUTHORIZED", "Invalid API key")
    return agent_id


async def _submit(context: Io42Context, request: Request, agent_id: str, allowance: Allowance) -> Response:
    if allowance.exceeded:
        wait = allowance.seconds_left(context.host.now())
        raise Io42Error("RATE_LIMITED", "Rate limit exceeded. Please try again later.", retry_after=wait)
    project, submission = await to_thread.run_sync(_admitted, context, agent_id, request.path_params)
    intent = await _intent(request, context.terms)
    receipt = await _paid(context, request, project, submission, intent.file_size)
    life = timedelta(minutes=context.terms.url_minutes)
    promise = partial(context.submissions.promise, submission.id, intent, context.host.now(), life)
    slot = _slot(context.host, submission, await to_thread.run_sync(promise))
    return json_response(io42.DataEnvelope(data=slot), EXPOSED | receipt)


def _admitted(context: Io42Context, agent_id: str, ids: dict[str, str]) -> tuple[Project, Submission]:
    """Blocks. Raises Io42Error for a submission that does not accept a file, or no longer does."""
    project = _project(context, ids["project_id"])
    submission_id = ids["submission_id"]
    submission = context.submissions.submission(submission_id) if _ID.fullmatch(submission_id) else None
    if submission is None or (submission.agent_id, submission.project_id) != (agent_id, project.id):
        raise Io42Error("SUBMISSION_NOT_FOUND", "Submission not found or not authorized")
    if submission.completed:
        raise Io42Error("SUBMISSION_ALREADY_EXISTS", "Submission has already been uploaded")
    return project, submission


def _project(context: Io42Context, project_id: str) -> Project:
    project = context.submissions.project(project_id) if _ID.fullmatch(project_id) else None
    if project is None:
        raise Io42Error("PROJECT_NOT_FOUND", "Project not found")
    if project.status != "open":
        raise Io42Error("PROJECT_NOT_ACCEPTING", f"Project is not accepting submissions (status: {project.status})")
    if project.kind != "image":
        raise Io42Error("VALIDATION_ERROR", f"Unsupported project type: {project.kind}")
    if project.fee and context.paywall is None:
        why = "it asks for a fee, and this host accepts no payments: IMG402_HOST_PAY_TO is not set"
        raise Io42Error("PROJECT_NOT_ACCEPTING", f"Project is not accepting submissions ({why})")
    return project


async def _intent(request: Request, terms: Io42HostSettings) -> io42.Intent:
    document = await _document(request)
    name, kind, size = (document.get(field) for field in ("fileName", "fileType", "fileSize"))
    if isinstance(size, float) and size.is_integer():  # 2048576.0 is the same number in JSON
        size = int(size)
    if not isinstance(name, str) or not name:
        raise Io42Error("VALIDATION_ERROR", "File name is required")
    if flaw := _flaw(name, kind, size, terms):
        raise Io42Error("VALIDATION_ERROR", f"Upload validation failed: {flaw}")
    return io42.Intent.model_validate({"file_name": name, "file_type": kind, "file_size": size})


async def _document(request: Request) -> dict[str, Any]:
    try:
        body = b"".join([piece async for piece in counted(request, MAX_BODY_BYTES, MAX_BODY_BYTES)])
    except ApiError:
        message = f"The body has more than {MAX_BODY_BYTES} bytes; the image itself goes to the upload URL"
        raise Io42Error("VALIDATION_ERROR", message) from None
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise Io42Error("VALIDATION_ERROR", "The body must be a JSON object: fileName, fileType and fileSize")
    return document


def _flaw(name: str, kind: object, size: object, terms: Io42HostSettings) -> str | None:
    """What is wrong with the announced file, in io42's own words where its documents have some."""
    if not name.isprintable() or len(name) > MAX_NAME_LENGTH or name in {".", ".."} or {*"/\\"} & {*name}:
        return f"Invalid file name. Give 1 to {MAX_NAME_LENGTH} printable characters without / and \\"
    if kind not in io42.MEDIA_TYPES:
        return f"Invalid file type. Allowed types: {', '.join(io42.MEDIA_TYPES)}"
    if type(size) is not int or size < 1:
        return "Invalid file size. Give the number of bytes, 1 or more"
    if size > terms.max_bytes:
        return f"File size too large. Maximum allowed is {terms.max_bytes / 1_048_576:.3g}MB"
    return None


async def _paid(
    context: Io42Context, request: Request, project: Project, submission: Submission, size: int
) -> dict[str, str]:
    """The receipt's headers, once the fee is paid. A payment in flight keeps the fee that it was made for."""
    paywall, quota = context.paywall, context.host.quota
    if not project.fee or paywall is None:
        await to_thread.run_sync(quota.check, size)
        return {}
    sale = fee_sale(project.id, submission.id, project.fee, context.host.settings)
    payment, proof = await paywall.sold(sale), presented(request.headers)
    if payment is not None:
        sale = replace(sale, price=payment.amount)
    if payment is None or not payment.paid:
        if proof is None:
            if payment:
                raise pending("it is being settled")
            await to_thread.run_sync(quota.check, size)  # before anybody is asked to pay
            raise paywall.required(sale)
        async with held(quota.hold(size, owed=payment is not None)):
            payment = await paywall.charge(proof, sale)
    shown = proof is not None and proof.key(paywall.payee.network) == payment.key
    return paywall.receipt(proof, payment) if proof is not None and shown else {}


def _slot(host: Host, submission: Submission, upload: PromisedUpload) -> io42.Slot:
    intent, expires = upload.intent, upload.url_expires_at
    permit = Permit("PUT", upload.media_id, int(expires.timestamp()), intent.file_type, intent.file_size)
    asked_ms = int(upload.asked_at.timestamp() * 1000)
    return io42.Slot(
        upload_url=host.signed_urls.url(permit),
        media_file_id=upload.media_id,
        file_name=f"submissions/{submission.id}/{asked_ms}-{_UNSAFE.sub('-', intent.file_name)}",
        submission_id=submission.id,
        expires_at=expires,
    )


async def _put(context: Io42Context, request: Request) -> Response:
    host = context.host
    permit = host.signed_urls.permit("PUT", request.path_params["key"], request.query_params, host.now())
    submission = await to_thread.run_sync(context.submissions.promised, permit.key)
    if submission is None:
        raise ApiError("url_replaced", "A newer upload URL was requested, for another file. Use that one.")
    if submission.completed:
        raise AlreadyUploaded
    message = "The host could not store the file. Put it again, to the same URL."
    with storing("a submission's file could not be stored", message):
        async with promised_image(request, host.blobs.spool, permit, context.terms.pixels) as promised:
            await host.store.put(_upload(context, permit, promised))
    return Response(None, 200, UNCACHED)


def _upload(context: Io42Context, permit: Permit, promised: PresignedBody) -> PendingImage:
    """Stores the bytes, then completes the submission in one transaction."""
    host = context.host

    def insert(transaction: Transaction, image: StoredImage) -> None:
        context.submissions.complete(transaction, permit.key, image)
        host.images.add_private(transaction, image)

    describe = partial(described_private, promised, host.now())
    return PendingImage(promised.body, describe, insert, host.quota.room(promised.size, owed=True))
