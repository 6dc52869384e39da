"""What is for sale, as x402 describes it: in a 402, as v1 and v2, and in directories."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from img402_mcp.host.settings import PaidSettings
from img402_mcp.wire import x402

Json = dict[str, Any]
PLAY_MONEY = "PLAY MONEY, worth nothing: "
# Long enough to sign and send, or for a person to agree; the hosted API offers the same.
TIMEOUT_SECONDS = 300

_IDENTIFIER_SCHEMA: Json = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "required": {"type": "boolean"},
        "id": {"type": "string", "minLength": 16, "maxLength": 128, "pattern": "^[A-Za-z0-9_-]+$"},
    },
    "required": ["required"],
}


def plain_envelope(offer: Json, code: str, message: str) -> Json:
    """v1's own body; `message` is for people."""
    return {**offer, "error": code, "message": message}


@dataclass(frozen=True)
class Sale:
    """What one route sells, for a body of JSON.

    `product` is what a payment is bound to: several routes may sell one product. `price` is in atomic units,
    `envelope` makes the API's own 402 body of x402's. Title, summary and prompt are for directories.
    """

    product: str
    price: int
    url: str
    description: str
    body: Json
    body_schema: Json
    answer: Json
    title: str = ""
    summary: str = ""
    example_prompt: str = ""
    envelope: Callable[[Json, str, str], Json] = plain_envelope

    @property
    def input(self) -> Json:
        return {"type": "http", "method": "POST", "bodyType": "json", "body": self.body}

    @property
    def output(self) -> Json:
        return {"type": "json", "example": self.answer}


def requirements_v1(sale: Sale, payee: PaidSettings) -> Json:
    return _offer(payee) | {
        "network": payee.network.name,
        "maxAmountRequired": str(sale.price),
        "resource": sale.url,
        "description": sale.description,
        "mimeType": "application/json",
        "outputSchema": {"input": {**sale.input, "discoverable": True}, "output": sale.output},
    }


def requirements_v2(sale: Sale, payee: PaidSettings) -> Json:
    return _offer(payee) | {"network": payee.network.caip2, "amount": str(sale.price)}


def _offer(payee: PaidSettings) -> Json:
    """What is the same in both versions."""
    return {
        "scheme": "exact",
        "asset": payee.network.usdc,
        "payTo": payee.pay_to,
        "maxTimeoutSeconds": TIMEOUT_SECONDS,
        "extra": {"name": payee.network.domain_name, "version": payee.network.domain_version},
    }


def required_v1(sale: Sale, payee: PaidSettings, code: str, message: str) -> Json:
    """The 402's body."""
    offer = {"x402Version": 1, "error": code, "accepts": [requirements_v1(sale, payee)]}
    return sale.envelope(offer, code, message)


def required_v2(sale: Sale, payee: PaidSettings, code: str) -> Json:
    """The 402's header."""
    return {
        "x402Version": 2,
        "error": code,
        "resource": {"url": sale.url, "description": sale.description, "mimeType": "application/json"},
        "accepts": [requirements_v2(sale, payee)],
        "extensions": _extensions(sale),
    }


def _extensions(sale: Sale) -> Json:
    return {
        x402.PAYMENT_IDENTIFIER: {"info": {"required": False}, "schema": _IDENTIFIER_SCHEMA},
        x402.BAZAAR: {"info": {"input": sale.input, "output": sale.output}, "schema": _bazaar_schema(sale)},
    }


def _bazaar_schema(sale: Sale) -> Json:
    """The JSON schema of `info`, which facilitators check before they list a resource."""
    fields = {
        "type": {"type": "string", "const": "http"},
        "method": {"type": "string", "enum": ["POST"]},
        "bodyType": {"type": "string", "enum": ["json"]},
        "body": sale.body_schema,
    }
    called = {"type": "object", "properties": fields, "required": [*fields], "additionalProperties": False}
    answered = {"type": {"type": "string"}, "example": {"type": "object"}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "input": called,
            "output": {"type": "object", "properties": answered, "required": ["type"]},
        },
        "required": ["input"],
    }
