"""The paid half of the img402 API: a token, or an upload at once, for a payment.

Both routes sell one product: the same payment gets the same token and, once it is used, the same image.
"""

import hashlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from img402_mcp.host.apis.img402.free import address_of, preflight, receiving, uploaded
from img402_mcp.host.context import Host
from img402_mcp.host.db.plain import Transaction
from img402_mcp.host.errors import ApiError, json_response, problem, storing
from img402_mcp.host.payments.payload import PaymentPayload, presented
from img402_mcp.host.payments.paywall import EXPOSED, Paywall, of_proof
from img402_mcp.host.payments.products import token_sale, upload_sale
from img402_mcp.host.payments.records import PaymentRecord, PaymentRecords
from img402_mcp.host.payments.requirements import Sale
from img402_mcp.host.payments.upload_tokens import AlreadyRedeemed, Bought, UploadTokens, redeem
from img402_mcp.host.serving.response import is_expired
from img402_mcp.host.storage.images import StoredImage
from img402_mcp.host.storage.quota import held
from img402_mcp.host.storage.receive import ImageRules, Incoming
from img402_mcp.host.storage.store import PendingImage, described
from img402_mcp.wire.img402 import FIELD, FREE, PAID, TOKEN, TOKEN_HEADER, TokenAnswer, UploadedImage
from img402_mcp.wire.x402 import PAYMENT_HEADERS


@dataclass(frozen=True)
class PaidContext:
    """What the paid endpoints share."""

    host: Host
    paywall: Paywall
    upload_tokens: UploadTokens


def routes(context: PaidContext | None) -> list[Route]:
    token, upload = (partial(_token, context), partial(_upload, context)) if context else (off, off)
    return [
        Route(TOKEN, token, methods=["POST"]),
        Route(PAID, upload, methods=["POST"]),
        *(preflight(path, TOKEN_HEADER, *PAYMENT_HEADERS.values()) for path in (TOKEN, PAID)),
    ]


async def off(_request: Request) -> Response:
    message = f"This host accepts no payments: IMG402_HOST_PAY_TO is not set. Free uploads go to {FREE}."
    return problem(404, "not_found", message)


@contextmanager
def _guarded(context: PaidContext, request: Request) -> Iterator[None]:
    """Too many proofs and tokens that are refused make their address wait."""
    message = "The host could not store this. Send the same request again; it will not be charged twice."
    watching = context.host.refused_proofs.watching(address_of(context.host, request), of_proof)
    with storing("a paid request failed", message), watching:
        yield


async def _token(context: PaidContext, request: Request) -> Response:
    sale = token_sale(context.paywall.payee, context.host.settings.public_url)
    with _guarded(context, request):
        proof, quota, largest = presented(request.headers), context.host.quota, context.paywall.payee.terms.max_bytes
        if proof is None:
            # Nobody should pay for a token that cannot be used.
            await to_thread.run_sync(quota.check, largest)
            raise context.paywall.required(sale)
        known = await context.paywall.known(proof, sale)
        async with held(quota.hold(largest, owed=known is not None)):
            payment = await context.paywall.charge(proof, sale)
        answer = await to_thread.run_sync(_goods, context, payment)
        return json_response(answer, context.paywall.receipt(proof, payment))


async def _upload(context: PaidContext, request: Request) -> Response:
    with _guarded(context, request):
        if token := request.headers.get(TOKEN_HEADER):
            return json_response(await _upload_with_token(context, request, token), EXPOSED)
        sale = upload_sale(context.paywall.payee, context.host.settings.public_url)
        proof = presented(request.headers)
        if proof is None:
            raise context.paywall.required(sale)
        return await _upload_inline(context, request, proof, sale)


def _goods(context: PaidContext, payment: PaymentRecord) -> TokenAnswer | UploadedImage:
    """The payment's token while it is unused, then its image."""
    return _bought(context, payment.key) or context.upload_tokens.token(payment.key, context.host.now())


def _bought(context: PaidContext, payment: str) -> UploadedImage | None:
    bought = context.upload_tokens.bought(payment)
    if bought is None:
        return None
    gone = ApiError("payment_conflict", "The image that this payment bought has expired or was deleted.")
    return _shown(context, bought, payment, gone)


def _shown(context: PaidContext, bought: Bought, payment: str, expired: ApiError) -> UploadedImage:
    """An image that was sold before, with its delete URL only where the caller is known to be the buyer.

    Once settled, a proof is public on the chain, and anyone can get the payment's token with it. Only a
    payment-identifier shows that the caller is the buyer.
    """
    image = context.host.images.find(bought.image_id)
    if image is None or is_expired(image, context.host.now()):
        raise expired
    book = PaymentRecords(context.host.database, context.host.now).find(payment)
    return uploaded(context.host, image, deletable=book is not None and book.identifier_hash is not None)


async def _upload_with_token(context: PaidContext, request: Request, value: str) -> UploadedImage:
    """A refused image leaves the token as it was. The same token with the same bytes gets the same image."""
    token = await to_thread.run_sync(context.upload_tokens.issued, value)
    if token is None:
        raise ApiError("invalid_token", f"This host has issued no such token. Get one at {TOKEN}.")
    bought = await to_thread.run_sync(context.upload_tokens.bought, token.payment)
    if bought is None and token.expires_at <= context.host.now():
        message = f"The token has expired unused. Send the same proof of payment to {TOKEN} again for a new one."
        raise ApiError("token_expired", message)
    async with receiving(context.host, request, _rules(context)) as incoming:
        return await _redeemed(context, incoming, token.payment)


async def _redeemed(context: PaidContext, incoming: Incoming, payment: str) -> UploadedImage:
    """The image, stored now or by an earlier request with the same bytes."""
    seen = await to_thread.run_sync(_described, context, incoming)
    bought = await to_thread.run_sync(context.upload_tokens.bought, payment)
    if bought is None:
        room = context.host.quota.room(incoming.size, owed=True)
        if stored := await _store(context, incoming, seen, payment, room):
            return stored
        bought = await to_thread.run_sync(context.upload_tokens.bought, payment)
    if bought is None or bought.sha256 != seen[1]:
        raise AlreadyRedeemed
    return await to_thread.run_sync(_shown, context, bought, payment, AlreadyRedeemed())


async def _upload_inline(context: PaidContext, request: Request, proof: PaymentPayload, sale: Sale) -> Response:
    """The image is checked before it is charged: a refused one costs nothing."""
    payment = await context.paywall.known(proof, sale)
    if payment is None:
        await context.paywall.examine(proof, sale)
    elif payment.paid and (bought := await to_thread.run_sync(_bought, context, payment.key)):
        return json_response(bought, context.paywall.receipt(proof, payment))
    async with receiving(context.host, request, _rules(context)) as incoming:
        seen = await to_thread.run_sync(_described, context, incoming)
        async with held(context.host.quota.hold(incoming.size, owed=payment is not None)):
            payment = await context.paywall.charge(proof, sale)
            if answer := await _store(context, incoming, seen, payment.key, nullcontext()):
                context.host.quota.add(incoming.size)
            else:
                answer = await to_thread.run_sync(_bought, context, payment.key)
        if answer is None:
            raise AlreadyRedeemed
        return json_response(answer, context.paywall.receipt(proof, payment))


def _rules(context: PaidContext) -> ImageRules:
    how = f"curl -X POST {context.host.settings.public_url}{PAID} -H '{TOKEN_HEADER}: TOKEN' -F {FIELD}=@screenshot.png"
    return ImageRules(context.paywall.payee.terms.max_bytes, how)


def _described(context: PaidContext, incoming: Incoming) -> tuple[StoredImage, str]:
    """The image that it will be, and the sha256 of its bytes. Blocks."""
    image = described(incoming, context.host.now(), context.paywall.payee.terms, paid=True)
    with incoming.body.view() as data:
        return image, hashlib.sha256(data).hexdigest()


async def _store(
    context: PaidContext,
    incoming: Incoming,
    seen: tuple[StoredImage, str],
    payment: str,
    room: AbstractContextManager[None],
) -> UploadedImage | None:
    """None: another copy of the request was faster."""
    image, sha256 = seen

    def insert(transaction: Transaction, image: StoredImage) -> None:
        redeem(transaction, payment, image, sha256)
        context.host.images.add(transaction, image)

    try:
        await context.host.store.put(PendingImage(incoming.body, lambda: image, insert, room))
    except AlreadyRedeemed:
        return None
    return uploaded(context.host, image)
