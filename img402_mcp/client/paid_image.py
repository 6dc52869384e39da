"""A paid image: made ready before money moves, recorded in the journal, and returned again later."""

import json
from dataclasses import replace
from datetime import datetime

from img402_mcp.caller import worded
from img402_mcp.client.api_limits import Lifetimes, size_in_words
from img402_mcp.client.apis.base import Receipt
from img402_mcp.client.apis.img402 import DOCUMENTED_ON, Token
from img402_mcp.client.files.image import Image
from img402_mcp.client.payments.messages import what
from img402_mcp.client.payments.payment import Payment
from img402_mcp.client.upload import Upload, Uploader, UploadOptions, uploaded
from img402_mcp.errors import PaymentRefused, TokenRefused, UploadFailed, UploadRejected
from img402_mcp.wire.moments import moment_of


def token_of(payment: Payment) -> Token:
    return Token(payment.token or "", token_expiry(payment))


def token_expiry(payment: Payment) -> datetime:
    return moment_of(payment.token_expires_at)


def document(receipt: Receipt, image: Image | None) -> str:
    """The receipt in the form of the API's own answer, and what was sent. An unknown expiry stays unknown."""
    size = {"width": image.picture.width, "height": image.picture.height} if image else {}
    expiry = receipt.expires_at.isoformat() if receipt.expires_at else None
    return json.dumps(
        {
            "url": receipt.url,
            "id": receipt.id,
            "contentType": receipt.content_type,
            "sizeBytes": receipt.size_bytes,
            "expiresAt": "unknown" if receipt.notes else expiry,
            "done": [*image.done] if image else [],
            **size,
        }
    )


async def reused(uploader: Uploader, image: Image, payment: Payment, options: UploadOptions) -> Upload:
    """The earlier upload. Its picture and preparation are reported as they were then, not as they would be now."""
    receipt = uploader.service.receipt_in(payment.result or "")
    receipt = replace(receipt, delete_url=await uploader.reuse.delete_url(receipt.url))
    record = json.loads(payment.result or "{}")
    width, height = record.get("width", image.picture.width), record.get("height", image.picture.height)
    then = tuple(record.get("done", ()))
    notes = () if then[: len(image.done)] == image.done else (AS_THEN,)
    upload = uploaded(replace(image, done=then), receipt, options, reused=True)
    return replace(upload, width=width, height=height, notes=(*upload.notes, *notes))


AS_THEN = "It was sent as it was prepared then, which differs from how it would be prepared now."


def used_elsewhere() -> TokenRefused:
    return TokenRefused(
        "This token is used, or being used, for another file. Get a new one with get_upload_token.",
        code="invalid_token",
    )


def with_payment(error: UploadFailed | UploadRejected, payment: Payment | None) -> UploadFailed | UploadRejected:
    """Once a proof was sent, no error may read as if nothing had been paid."""
    if payment is None:
        return error
    status = worded(tool="payment_status", command="`img402-mcp wallet status`")
    return error.adding(
        f"A payment of {what(payment)} exists for this: the same call again uses it, and nothing more is paid. "
        f"Do not buy another; {status} shows its state."
    )


async def ready_to_pay(uploader: Uploader, image: Image, options: UploadOptions, *, paid: bool) -> Image:
    """`paid`: it is already paid for. Raises ReadRefused, PaymentRefused."""
    limit, where = await uploader.api_limits.paid_bytes(), uploader.service.where
    if limit is not None and len(image.data) > limit and not options.fit and not paid:
        raise PaymentRefused(
            f"The image has {len(image.data):,} bytes and {where} takes at most {limit:,} for a paid upload; nothing "
            f"was paid. {worded(tool='Allow fit', command='Leave out --no-fit')}, or make it smaller: crop, or save it "
            "as WebP or JPEG."
        )
    ready = await uploader.fitting(image, limit, options)
    return ready if paid else _worth_paying(ready, await uploader.api_limits.lifetimes(), where)


def _worth_paying(image: Image, lives: Lifetimes, where: str) -> Image:
    """Terms that are only documented may have changed, so they are no reason to refuse."""
    tier = lives.tier_of(len(image.data))
    if tier is None or tier.days is not None:
        return image
    most = size_in_words(tier.max_bytes)
    for_free = worded(tool="call upload_free", command="leave out --paid")
    if lives.is_stated:
        raise PaymentRefused(
            f"{where} states that images up to {most} are kept for good without payment, and this one has "
            f"{len(image.data):,} bytes: {for_free} instead. Nothing was paid."
        )
    note = f"As documented in {DOCUMENTED_ON}, images up to {most} are kept for good without payment: {for_free}."
    return replace(image, notes=(*image.notes, note))
