"""The paid half of the img402 API: a token, or an upload at once, for a payment (seed 001).

Both addresses are doors to one product: the same payment gets the same token and, once used, the same image.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial

from anyio import to_thread
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from img402_mcp.host.apis.img402.free import uploaded
from img402_mcp.host.context import Host
from img402_mcp.host.errors import UNCACHED, Refused, problem
from img402_mcp.host.payments.payload import Proof, presented
from img402_mcp.host.payments.paywall import EXPOSED, Paywall
from img402_mcp.host.payments.products import token_sale, upload_sale
from img402_mcp.host.payments.records import Payment, Payments
from img402_mcp.host.payments.upload_tokens import AlreadyRedeemed, Bought, Redeeming, redeem, sha256_of
from img402_mcp.host.settings import PaidSettings
from img402_mcp.host.storage.images import Image
from img402_mcp.host.storage.quota import held
from img402_mcp.host.storage.receive import Asked, Incoming, incoming_image
from img402_mcp.host.storage.store import described, store
from img402_mcp.wire.img402 import FIELD, FREE, PAID, TOKEN, TOKEN_HEADER, Token, Uploaded
from img402_mcp.wire.x402 import PROOF_HEADERS

_log = logging.getLogger("img402_mcp.host.failures")
_PREFLIGHT = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST",
    "Access-Control-Allow-Headers": ", ".join(["Content-Type", TOKEN_HEADER, *PROOF_HEADERS.values()]),
    "Access-Control-Max-Age": "86400",
}


@dataclass(frozen=True)
class Shop:
    """What the paid endpoints share."""

    host: Host
    paid: PaidSettings
    paywall: Paywall
    redeeming: Redeeming


def routes(shop: Shop | None) -> list[Route]:
    async def token(request: Request) -> Response:
        return await _token(shop, request) if shop else off()

    async def upload(request: Request) -> Response:
        return await _upload(shop, request) if shop else off()

    return [
        Route(TOKEN, token, methods=["POST"]),
        Route(PAID, upload, methods=["POST"]),
        Route(TOKEN, _preflight, methods=["OPTIONS"]),
        Route(PAID, _preflight, methods=["OPTIONS"]),
    ]


async def _preflight(_request: Request) -> Response:
    return Response(None, 204, _PREFLIGHT)


def off() -> Response:
    message = f"This host takes no payments: IMG402_HOST_PAY_TO is not set. Free uploads go to {FREE}."
    return problem(404, "not_found", message)


async def _token(shop: Shop, request: Request) -> Response:
    sale = token_sale(shop.paid, shop.host.settings.public_url)
    async with _stored():
        proof, quota, largest = presented(request.headers), shop.host.quota, shop.paid.terms.max_bytes
        if proof is None:
            # Nobody is asked to pay for a token that is good for nothing.
            await to_thread.run_sync(quota.check, largest)
            raise shop.paywall.required(sale)
        known = await shop.paywall.known(proof, sale)
        async with held(quota.hold(largest, owed=known is not None)):
            payment = await shop.paywall.charge(proof, sale)
        answer = await to_thread.run_sync(_goods, shop, payment)
        return _answer(answer, shop.paywall.receipt(proof, payment))


async def _upload(shop: Shop, request: Request) -> Response:
    async with _stored():
        if token := request.headers.get(TOKEN_HEADER):
            return _answer(await _upload_with_token(shop, request, token), EXPOSED)
        sale = upload_sale(shop.paid, shop.host.settings.public_url)
        proof = presented(request.headers)
        if proof is None:
            raise shop.paywall.required(sale)
        return await _upload_inline(shop, request, proof)


@asynccontextmanager
async def _stored() -> AsyncIterator[None]:
    try:
        yield
    except (OSError, SQLAlchemyError) as error:
        _log.exception("a paid request failed")
        message = "The host could not store this. Send the same request again; it will not be charged twice."
        raise Refused("upload_failed", message) from error


def _answer(answer: BaseModel, headers: dict[str, str]) -> Response:
    return Response(answer.model_dump_json(by_alias=True), 200, UNCACHED | headers, "application/json")


def _goods(shop: Shop, payment: Payment) -> Token | Uploaded:
    """Unused: its token. Used: its image."""
    return _bought(shop, payment.key) or shop.redeeming.token(payment.key, shop.host.now())


def _bought(shop: Shop, payment: str) -> Uploaded | None:
    bought = shop.redeeming.bought(payment)
    if bought is None:
        return None
    gone = Refused("payment_conflict", "The image that this payment bought has expired or was deleted.")
    return _shown(shop, bought, payment, gone)


def _shown(shop: Shop, bought: Bought, payment: str, expired: Refused) -> Uploaded:
    """An image once more. Its delete URL only where the asker is sure to be the buyer.

    Once settled, a proof is on the chain for everybody, and with it whoever likes gets the token of a payment: only
    with a payment-identifier do they show whose they are.
    """
    image = shop.host.index.find(bought.image_id)
    if image is None or (image.expires_at and image.expires_at <= shop.host.now()):
        raise expired
    book = Payments(shop.host.index, shop.host.now).find(payment)
    return uploaded(shop.host, image, deletable=book is not None and book.identifier_hash is not None)


async def _upload_with_token(shop: Shop, request: Request, value: str) -> Uploaded:
    """A refused image leaves the token as it was. The same token with the same bytes gets the same image."""
    token = await to_thread.run_sync(shop.redeeming.issued, value)
    if token is None:
        raise Refused("invalid_token", f"This host has issued no such token. Get one at {TOKEN}.")
    bought = await to_thread.run_sync(shop.redeeming.bought, token.payment)
    if bought is None and token.expires_at <= shop.host.now():
        message = f"The token has expired unused. Send the same proof of payment to {TOKEN} again for the next one."
        raise Refused("token_expired", message)
    async with _receiving(shop, request) as incoming:
        return await to_thread.run_sync(_redeemed, shop, incoming, token.payment, limiter=shop.host.writers)


def _redeemed(shop: Shop, incoming: Incoming, payment: str) -> Uploaded:
    """Blocks: the image stored, or the one that the same bytes became before."""
    sha256, image = sha256_of(incoming.path), _described(shop, incoming)
    bought = shop.redeeming.bought(payment)
    if bought is None:
        try:
            with shop.host.quota.room(incoming.size, owed=True):
                return _kept(shop, incoming, image, payment, sha256)
        except AlreadyRedeemed:
            bought = shop.redeeming.bought(payment)
    if bought is None or bought.sha256 != sha256:
        raise AlreadyRedeemed
    return _shown(shop, bought, payment, AlreadyRedeemed())


async def _upload_inline(shop: Shop, request: Request, proof: Proof) -> Response:
    """The image is looked at before it is charged: a refused one costs nothing."""
    sale = upload_sale(shop.paid, shop.host.settings.public_url)
    payment = await shop.paywall.known(proof, sale)
    if payment is None:
        shop.paywall.check(proof, sale)
    elif payment.paid and (bought := await to_thread.run_sync(_bought, shop, payment.key)):
        return _answer(bought, shop.paywall.receipt(proof, payment))
    async with _receiving(shop, request) as incoming:
        image = await to_thread.run_sync(_described, shop, incoming)
        async with held(shop.host.quota.hold(incoming.size, owed=payment is not None)):
            payment = await shop.paywall.charge(proof, sale)
            work = partial(_kept_or_bought, shop, incoming, image, payment.key)
            answer = await to_thread.run_sync(work, limiter=shop.host.writers)
        return _answer(answer, shop.paywall.receipt(proof, payment))


def _kept_or_bought(shop: Shop, incoming: Incoming, image: Image, payment: str) -> Uploaded:
    """The image stored, or the one that a copy of the request was faster with."""
    try:
        stored = _kept(shop, incoming, image, payment, sha256_of(incoming.path))
    except AlreadyRedeemed:
        bought = _bought(shop, payment)
        if bought is None:
            raise
        return bought
    shop.host.quota.add(incoming.size)
    return stored


def _receiving(shop: Shop, request: Request) -> AbstractAsyncContextManager[Incoming]:
    how = f"curl -X POST {shop.host.settings.public_url}{PAID} -H '{TOKEN_HEADER}: TOKEN' -F {FIELD}=@screenshot.png"
    return incoming_image(request, shop.host.blobs.spool, Asked(shop.paid.terms.max_bytes, how))


def _described(shop: Shop, incoming: Incoming) -> Image:
    return described(incoming, shop.host.now(), shop.paid.terms.days, paid=True)


def _kept(shop: Shop, incoming: Incoming, image: Image, payment: str, sha256: str) -> Uploaded:
    admit = partial(redeem, payment=payment, image=image, sha256=sha256)
    store(shop.host.blobs, shop.host.index, incoming.path, image, admit)
    return uploaded(shop.host, image)
