"""A request's proof of payment, in either version: read strictly, and checked against the offer."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from img402_mcp.host.errors import ApiError
from img402_mcp.host.payments.facilitators.base import Claim
from img402_mcp.host.payments.requirements import Sale, requirements_v1, requirements_v2
from img402_mcp.host.settings import PaidSettings
from img402_mcp.wire import x402

CLOCK_SKEW = 60
"""Seconds by which a payer's clock may be ahead of ours; the chain has the last word."""
_IDENTIFIER = re.compile(r"[A-Za-z0-9_-]{16,128}", re.ASCII)


@dataclass(frozen=True)
class PaymentPayload:
    message: x402.PaymentPayloadV1 | x402.PaymentPayloadV2 = field(repr=False)
    identifier: str | None = field(repr=False)
    """The v2 `payment-identifier`, which no chain ever shows."""

    @property
    def version(self) -> int:
        return self.message.x402_version

    @property
    def authorization(self) -> x402.Authorization:
        return self.message.payload.authorization

    @property
    def payer(self) -> str:
        return self.authorization.payer.lower()

    @property
    def nonce(self) -> str:
        return self.authorization.nonce.lower()

    @property
    def fingerprint(self) -> str:
        """Equal for the same signed payment, in either version."""
        paid = self.authorization
        parts = (self.payer, paid.to, paid.value, paid.valid_after, paid.valid_before, self.nonce)
        return _hash(*parts, self.message.payload.signature)

    @property
    def identifier_hash(self) -> str | None:
        return None if self.identifier is None else _hash(self.identifier)

    def key(self, network: x402.Network) -> str:
        """Names the authorization: a chain knows each (payer, nonce) once."""
        return _hash(network.caip2, self.payer, self.nonce)


def _hash(*parts: object) -> str:
    return hashlib.sha256("\n".join(str(part).lower() for part in parts).encode()).hexdigest()


def presented(headers: Mapping[str, str]) -> PaymentPayload | None:
    """The proof in the headers, v2's first; None where there is none. Raises ApiError for one that cannot be read."""
    for version in (2, 1):
        value = headers.get(x402.PAYMENT_HEADERS[version])
        if value is not None:
            return _read(version, value)
    return None


def _read(version: int, value: str) -> PaymentPayload:
    name = x402.PAYMENT_HEADERS[version]
    try:
        document = x402.decoded(value)
        message = (x402.PaymentPayloadV2 if version == 2 else x402.PaymentPayloadV1).model_validate(document)
        message.dump()  # what is nested too deep to be passed on is refused here
        return PaymentPayload(message, _identifier(document))
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        why = f"its field {where} is missing or not as in x402 v{version}"
    except ValueError as error:
        why = str(error)
    raise ApiError("invalid_payment", f"The header {name} does not hold a readable proof of payment: {why}.")


def _identifier(document: Mapping[str, Any]) -> str | None:
    identifier: Any = document
    for name in ("extensions", x402.PAYMENT_IDENTIFIER, "info", "id"):
        identifier = identifier.get(name) if isinstance(identifier, dict) else None
    if identifier is None:
        return None
    if not isinstance(identifier, str) or not _IDENTIFIER.fullmatch(identifier):
        raise ValueError("its payment-identifier must be 16 to 128 letters, digits, - and _")
    return identifier


def claim(proof: PaymentPayload, sale: Sale, payee: PaidSettings) -> Claim:
    """What the facilitator gets: built from the fields that were checked here, so that it cannot read another payment.

    The payment-identifier is not sent: it distinguishes the payer from readers of the chain.
    """
    offer = (requirements_v2 if proof.version == 2 else requirements_v1)(sale, payee)
    return Claim(
        version=proof.version,
        network=payee.network,
        pay_to=payee.pay_to,
        amount=sale.price,
        payload=proof.message.payload,
        document=_forwarded(proof, payee, offer),
        requirements=offer,
    )


def _forwarded(proof: PaymentPayload, payee: PaidSettings, offer: dict[str, Any]) -> dict[str, Any]:
    message = proof.message
    if isinstance(message, x402.PaymentPayloadV1):
        return message.model_copy(update={"network": payee.network.name}).dump()
    extensions = {name: value for name, value in (message.extensions or {}).items() if name != x402.PAYMENT_IDENTIFIER}
    return message.model_copy(update={"accepted": offer, "extensions": extensions or None}).dump()


def mismatch(proof: PaymentPayload, sale: Sale, payee: PaidSettings, now: datetime) -> tuple[str, str] | None:
    """How it differs from the offer, as x402's reason and a sentence; None if it does not."""
    paid, price = proof.authorization, f"{x402.usdc(sale.price)} USDC on {payee.network.name}"
    if not _accepts(proof.message, sale, payee):
        return (
            "invalid_payment_requirements",
            f"The proof is for another offer; this one asks for {price} to {payee.pay_to}.",
        )
    if paid.to.lower() != payee.pay_to.lower():
        return "invalid_exact_evm_payload_recipient_mismatch", f"It pays {paid.to}; the payee is {payee.pay_to}."
    if paid.value != sale.price:
        return (
            "invalid_exact_evm_payload_authorization_value_mismatch",
            f"It pays {paid.value} atomic units; the price is {price}, which is exactly {sale.price}.",
        )
    if paid.valid_after > now.timestamp() + CLOCK_SKEW:
        return "invalid_exact_evm_payload_authorization_valid_after", "The proof is not valid yet; nothing was charged."
    if paid.valid_before <= now.timestamp():
        return "invalid_exact_evm_payload_authorization_valid_before", "The proof has expired; nothing was charged."
    return None


def _accepts(message: x402.PaymentPayloadV1 | x402.PaymentPayloadV2, sale: Sale, payee: PaidSettings) -> bool:
    if isinstance(message, x402.PaymentPayloadV1):
        return x402.NETWORK_OF.get(message.network) == payee.network
    accepted, offer = message.accepted, requirements_v2(sale, payee)
    named = ("scheme", "network", "asset", "payTo", "amount")
    return all(str(accepted.get(name)).lower() == str(offer[name]).lower() for name in named)
