"""How the host describes its paid products: discovery, openapi, and the documents that the client reads."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from httpx2 import AsyncClient

from img402_mcp.host.payments.payload import presented
from img402_mcp.host.payments.requirements import Sale, required_v1, required_v2
from img402_mcp.host.settings import HostSettings
from img402_mcp.wire.img402 import LIMITS_KEY, Limits, PaidTerms
from tests.fakes.keys import PAYEE, VECTOR_PAYEE

VECTORS = Path(__file__).parents[2] / "vectors"
TOKEN_URL = "https://i.example/api/upload/token"


def vector(name: str) -> dict[str, Any]:
    return json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))


def part_of(small: object, large: object) -> bool:
    """Whether everything in the first document is also in the second, which may say more."""
    if isinstance(small, dict) and isinstance(large, dict):
        return all(key in large and part_of(value, large[key]) for key, value in small.items())
    if isinstance(small, list) and isinstance(large, list):
        return len(small) == len(large) and all(part_of(*pair) for pair in zip(small, large, strict=True))
    return small == large


SALE = Sale(
    product="image",
    price=10000,
    url="https://img402.dev/api/upload/token",
    description="One image for a year",
    body={},
    body_schema={},
    answer={},
)


def test_the_offers_are_those_of_the_shared_vectors(paid_settings: Callable[..., HostSettings]):
    payee = paid_settings(IMG402_HOST_PAY_TO=VECTOR_PAYEE).paid
    assert payee is not None
    assert part_of(vector("required_v1")["message"], required_v1(SALE, payee, "payment_required", ""))
    assert part_of(vector("required_v2")["message"], required_v2(SALE, payee, "payment_required"))


@pytest.mark.parametrize("version", [1, 2])
def test_the_proofs_of_the_shared_vectors_are_read(version: int):
    shared = vector(f"proof_v{version}")
    proof = presented({shared["header"]: shared["value"]})
    assert (proof.message.dump(), proof.identifier) == (
        shared["message"],
        None if version == 1 else "pay_7d5d747be160e280504c099d984bcfe1",
    )


async def test_openapi_describes_what_is_sold(shop: AsyncClient):
    document = (await shop.get("/openapi.json")).json()
    token, upload = (document["paths"][path]["post"] for path in ("/api/upload/token", "/api/upload"))
    assert {status: answer["description"] for status, answer in upload["responses"].items()} == {
        "200": "Paid for.",
        "400": "no_file, file_too_large, unsupported_format, empty_file, invalid_payment",
        "401": "invalid_token, token_expired",
        "402": "Payment required: x402, v1 in the body and v2 in the header PAYMENT-REQUIRED.",
        "409": "payment_conflict",
        "429": "too_many",
        "500": "upload_failed",
        "507": "storage_full",
        "503": "payment_pending",
    }
    assert sorted(token["responses"]) == ["200", "400", "402", "409", "429", "500", "503", "507"]
    assert token["x-payment-info"] == {
        "protocols": ["x402"],
        "price": {"amount": "0.01", "currency": "USDC", "mode": "fixed"},
        "scheme": "exact",
        "network": "eip155:8453",
        "amount": "10000",
        "asset": "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913",
        "payTo": PAYEE,
        "maxTimeoutSeconds": 300,
        "extra": {"name": "USD Coin", "version": "2"},
        "input": {"type": "http", "method": "POST", "bodyType": "json", "body": {}},
        "output": token["x-payment-info"]["output"],
    }
    assert Limits.model_validate_json(json.dumps(document[LIMITS_KEY])).paid == PaidTerms(
        max_bytes=5_242_880, days=365, price="0.01", network="base", token_minutes=10
    )


async def test_what_is_not_sold_is_not_described(client: AsyncClient):
    document = (await client.get("/openapi.json")).json()
    assert [path for path in document["paths"] if path.startswith("/api/upload")] == []
    assert document[LIMITS_KEY]["paid"] is None


def at(document: Any, path: str) -> Any:
    for step in path.split("."):
        document = document[int(step) if step.isdecimal() else step]
    return document


ITEM, V1, V2 = "items.0", "items.0.accepts.0", "items.0.accepts.1"
CATALOGUE_RECORD = [
    ("url", f"{ITEM}.resource", TOKEN_URL),
    ("title", f"{ITEM}.title", "Image upload token"),
    ("category", f"{ITEM}.category", "tools"),
    ("summary", f"{ITEM}.summary", "A single-use token to upload one image, for agents that share and work together."),
    ("seo.title", f"{ITEM}.title", "Image upload token"),
    ("use_cases.0", f"{ITEM}.useCases.0", "screenshots in pull requests"),
    ("ideal_buyer", f"{ITEM}.idealBuyer", "agents that show images in reviews, issues and chats"),
    (
        "example_prompt",
        f"{ITEM}.examplePrompt",
        "Get an upload token, so that this screenshot can go into a pull request.",
    ),
    ("example_request_body", f"{ITEM}.input.body", {}),
    ("risk_notes.0", f"{ITEM}.riskNotes.0", "Calling it with a payment moves money."),
    ("accepts.0.scheme", f"{V1}.scheme", "exact"),
    ("accepts.0.network", f"{V1}.network", "base"),
    ("accepts.0.pay_to", f"{V1}.payTo", PAYEE),
    ("accepts.0.asset", f"{V1}.asset", "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"),
    ("accepts.0.max_amount_required_atomic", f"{V1}.maxAmountRequired", "10000"),
    ("accepts.0.max_timeout_seconds", f"{V1}.maxTimeoutSeconds", 300),
    ("accepts.0.mime_type", f"{V1}.mimeType", "application/json"),
    ("accepts.0.hints.input.type", f"{V1}.outputSchema.input.type", "http"),
    ("accepts.0.hints.input.method", f"{V1}.outputSchema.input.method", "POST"),
    ("accepts.0.hints.input.bodyType", f"{V1}.outputSchema.input.bodyType", "json"),
    ("accepts.0.hints.input.body.required", f"{ITEM}.inputSchema.required", []),
    ("accepts.0.hints.input.body.properties", f"{ITEM}.inputSchema.properties", {}),
    ("accepts.0.hints.output.type", f"{V1}.outputSchema.output.type", "json"),
    (
        "accepts.0.hints.output.example.token",
        f"{V1}.outputSchema.output.example.token",
        "a1b2c3d4e5f6a1b2c3d4e5f6a1b2c3d4e5f6a1b2",
    ),
    (
        "accepts.0.hints.output.example.expiresAt",
        f"{V1}.outputSchema.output.example.expiresAt",
        "2026-02-08T01:10:00.000Z",
    ),
    ("origin.host", "origin.url", "https://i.example"),
    ("origin.title", "origin.title", "img402 API, self-hosted"),
    ("origin.description", "origin.description", "Image sharing for agents: a local image becomes a public URL."),
    ("origin.url", "origin.url", "https://i.example"),
    ("json_ld.url", f"{ITEM}.resource", TOKEN_URL),
    ("json_ld.offers.price", f"{ITEM}.price.amount", "0.01"),
    ("json_ld.offers.priceCurrency", f"{ITEM}.price.currency", "USDC"),
    ("json_ld.offers.priceSpecification.unitText", f"{ITEM}.price.per", "call"),
    ("json_ld.offers.additionalProperty.0.value", f"{ITEM}.network", "base"),
    ("json_ld.offers.additionalProperty.1.value", f"{ITEM}.asset", "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"),
    ("v2.network", f"{V2}.network", "eip155:8453"),
    ("v2.amount", f"{V2}.amount", "10000"),
]
"""Field of a directory's record -> where the host says that fact itself.

Left out is what is no fact of the resource but the directory's own: when it looked and what it calls the page
(generated_at, slug, json_ld.@id and @context and identifiers, axon_deep_link, potentialAction), its opinions
(pricing_sanity, pricing_review_required, pricing_decimal_suspect, trust_tier, verified) and pictures.
"""


@pytest.mark.parametrize(("field", "where", "fact"), CATALOGUE_RECORD, ids=[row[0] for row in CATALOGUE_RECORD])
async def test_the_host_states_what_a_directory_lists(shop: AsyncClient, field: str, where: str, fact: object):
    assert at((await shop.get("/.well-known/x402")).json(), where) == fact


@pytest.mark.parametrize("part", ["0.01 USDC on base", "PNG, JPEG, GIF, WebP", "5 MB", "365 days", "X-Upload-Token"])
async def test_the_description_states_the_terms(shop: AsyncClient, part: str):
    document = (await shop.get("/.well-known/x402")).json()
    assert part in document["items"][0]["description"]


async def test_crawlers_find_both_endpoints(shop: AsyncClient):
    document = (await shop.get("/.well-known/x402")).json()
    assert document["resources"] == [TOKEN_URL, "https://i.example/api/upload"]
    assert [item["resource"] for item in document["items"]] == document["resources"]
