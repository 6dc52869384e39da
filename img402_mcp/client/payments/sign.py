"""From an allowed offer to the exact header that pays it."""

import secrets
from dataclasses import dataclass, field
from typing import Any

from img402_mcp.client.payments.budget import window
from img402_mcp.client.payments.payment_required import PaymentRequired, PaymentRequirements
from img402_mcp.client.payments.wallet import Wallet
from img402_mcp.wire import x402 as wire


@dataclass(frozen=True)
class SignedPayment:
    offer: PaymentRequirements
    payer: str
    nonce: str
    valid_before: int
    identifier: str
    """A secret of ours and the payee; empty if the payee does not ask for one."""
    header: str
    value: str = field(repr=False)


def proof(offer: PaymentRequirements, payment_required: PaymentRequired, wallet: Wallet, now: float) -> SignedPayment:
    """Signs. Each call is a new payment with its own nonce."""
    valid_after, valid_before = window(offer, now)
    authorization = wire.Authorization(
        payer=wallet.address,
        to=offer.pay_to,
        value=offer.amount,
        valid_after=valid_after,
        valid_before=valid_before,
        nonce="0x" + secrets.token_hex(32),
    )
    payload = wire.ExactPayload(signature=wallet.sign(authorization, offer.network), authorization=authorization)
    extensions, identifier = _extensions(payment_required.extensions) if offer.version == 2 else (None, "")
    return SignedPayment(
        offer=offer,
        payer=authorization.payer,
        nonce=authorization.nonce,
        valid_before=valid_before,
        identifier=identifier,
        header=wire.PAYMENT_HEADERS[offer.version],
        value=wire.encoded(_message(offer, payment_required, payload, extensions)),
    )


def _message(
    offer: PaymentRequirements,
    payment_required: PaymentRequired,
    payload: wire.ExactPayload,
    extensions: dict[str, Any] | None,
) -> wire.PaymentPayloadV1 | wire.PaymentPayloadV2:
    if offer.version == 1:
        return wire.PaymentPayloadV1(network=offer.raw["network"], payload=payload)
    return wire.PaymentPayloadV2(
        resource=payment_required.resource, accepted=dict(offer.raw), payload=payload, extensions=extensions
    )


def _extensions(offered: dict[str, Any] | None) -> tuple[dict[str, Any] | None, str]:
    """A payment-identifier gets its id: a settled proof can be read on the chain, this id cannot."""
    declared = (offered or {}).get(wire.PAYMENT_IDENTIFIER)
    if not offered or not isinstance(declared, dict):
        return offered, ""
    identifier = "pay_" + secrets.token_hex(16)
    info = declared.get("info")
    info = {**(info if isinstance(info, dict) else {"required": False}), "id": identifier}
    return {**offered, wire.PAYMENT_IDENTIFIER: {**declared, "info": info}}, identifier
