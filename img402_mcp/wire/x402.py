"""What travels in an x402 payment, scheme `exact` on EVM (docs/specs/x402.md).

Numbers travel as decimal strings and are integers of atomic units here. Strict on the fields we use: an amount in
another notation, an address or a nonce of another length is not a payment. Unknown fields are ignored.
"""

import base64
import json
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, PlainSerializer, StringConstraints
from pydantic.alias_generators import to_camel

from img402_mcp.wire.base import Message

PAYMENT_REQUIRED_HEADER = "PAYMENT-REQUIRED"
PAYMENT_HEADERS: dict[int, str] = {1: "X-PAYMENT", 2: "PAYMENT-SIGNATURE"}
RECEIPT_HEADERS: dict[int, str] = {1: "X-PAYMENT-RESPONSE", 2: "PAYMENT-RESPONSE"}
"""x402Version -> header. The 402's v1 offer is its body."""

PAYMENT_IDENTIFIER = "payment-identifier"
BAZAAR = "bazaar"
"""Extensions of v2: an id that only the payer knows, and how to call the resource."""

USDC_DECIMALS = 6
_LARGEST_HEADER = 65_536


@dataclass(frozen=True)
class Network:
    """A chain and the USDC on it. The EIP-712 domain comes from here and never from a server."""

    name: str
    chain_id: int
    usdc: str
    domain_name: str
    domain_version: str = "2"
    block_seconds: int = 2

    @property
    def caip2(self) -> str:
        return f"eip155:{self.chain_id}"


BASE = Network("base", 8453, "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913", "USD Coin")
BASE_SEPOLIA = Network("base-sepolia", 84532, "0x036CbD53842c5426634e7929541eC2318f3dCF7e", "USDC")
NETWORKS = {network.name: network for network in (BASE, BASE_SEPOLIA)}
NETWORK_OF = NETWORKS | {network.caip2: network for network in NETWORKS.values()}
"""Both spellings, v1's name and v2's CAIP-2, lead to the network."""


def _integer(value: object) -> int:
    """`"10000"`: what eth-account would coerce (`0x2710`, `1e4`, ` 5`, `5_0`, True, 1.0) is refused here."""
    if isinstance(value, str) and re.fullmatch(r"0|[1-9][0-9]{0,77}", value, re.ASCII):
        value = int(value)
    if type(value) is not int or not 0 <= value < 2**256:
        raise ValueError("not a whole number in decimal notation")
    return value


Atomic = Annotated[int, BeforeValidator(_integer), PlainSerializer(str, return_type=str)]
"""A uint256 that travels as a decimal string."""
Address = Annotated[str, StringConstraints(pattern=r"^0x[0-9a-fA-F]{40}$", strict=True)]
Nonce = Annotated[str, StringConstraints(pattern=r"^0x[0-9a-fA-F]{64}$", strict=True)]
Signature = Annotated[str, StringConstraints(pattern=r"^0x[0-9a-fA-F]{130}$", strict=True)]


class _Payment(Message):
    model_config = ConfigDict(strict=False)

    def dump(self) -> dict[str, Any]:
        """As it travels: camelCase, numbers as strings, nothing that is None."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class Authorization(_Payment):
    """EIP-3009 `TransferWithAuthorization`. `from` is `payer` here; the window is in seconds of Unix time."""

    model_config = ConfigDict(alias_generator=lambda name: "from" if name == "payer" else to_camel(name))

    payer: Address
    to: Address
    value: Atomic
    valid_after: Atomic
    valid_before: Atomic
    nonce: Nonce


class ExactPayload(_Payment):
    signature: Signature
    authorization: Authorization


class PaymentPayloadV1(_Payment):
    """The X-PAYMENT header, decoded."""

    x402_version: Literal[1] = 1
    scheme: Literal["exact"] = "exact"
    network: str
    payload: ExactPayload


class PaymentPayloadV2(_Payment):
    """The PAYMENT-SIGNATURE header, decoded. `accepted` is the chosen offer, as it came."""

    x402_version: Literal[2] = 2
    resource: dict[str, Any] | None = None
    accepted: dict[str, Any]
    payload: ExactPayload
    extensions: dict[str, Any] | None = None


class SettlementResponse(_Payment):
    """The receipt header of either version, decoded; also what a facilitator answers to /settle."""

    success: bool
    transaction: str = ""
    network: str = ""
    payer: str | None = None
    error_reason: str | None = None
    amount: str | None = None
    extensions: dict[str, Any] | None = None


def encoded(message: _Payment | dict[str, Any]) -> str:
    """A header's value: base64 of JSON."""
    document = message.dump() if isinstance(message, _Payment) else message
    return base64.b64encode(json.dumps(document, separators=(",", ":")).encode()).decode("ascii")


def decoded(header: str) -> dict[str, Any]:
    """The JSON object in a header; standard or URL-safe alphabet, with or without padding. Raises ValueError."""
    if len(header) > _LARGEST_HEADER:
        raise ValueError("the header is too long")
    plain = header.strip().rstrip("=").replace("-", "+").replace("_", "/")
    try:
        document = json.loads(base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True))
    except (ValueError, RecursionError) as error:
        raise ValueError("the header is not base64 of JSON") from error
    if not isinstance(document, dict):
        raise ValueError("the header holds no JSON object")  # noqa: TRY004  # bad bytes, not a caller's slip
    return document


def atomic(usdc: str) -> int:
    """`"0.01"` -> 10000. Raises ValueError for what is not an amount of at most six decimals."""
    if not re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,6})?", usdc, re.ASCII):
        raise ValueError(f"{usdc!r} is not an amount of USDC such as 0.01")
    return int(Decimal(usdc).scaleb(USDC_DECIMALS))


def usdc(amount: int) -> str:
    """10000 -> `"0.01"`."""
    whole, part = divmod(amount, 10**USDC_DECIMALS)
    return f"{whole}.{part:06d}".rstrip("0").rstrip(".") if part else str(whole)
