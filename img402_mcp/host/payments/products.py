"""What this host sells, and how it describes that to directories."""

from img402_mcp.formats import FORMATS
from img402_mcp.host.payments.requirements import PLAY_MONEY, Json, Sale, requirements_v1, requirements_v2
from img402_mcp.host.settings import PaidSettings
from img402_mcp.host.sizes import exact_size
from img402_mcp.host.storage.receive import JSON_FIELD
from img402_mcp.wire.img402 import FIELD, PAID, TOKEN, TOKEN_HEADER
from img402_mcp.wire.x402 import usdc

# One upload, whichever route it is paid on.
PRODUCT = "img402 upload"
TOKEN_ANSWER: Json = {"token": "a1b2c3d4e5f6a1b2c3d4e5f6a1b2c3d4e5f6a1b2", "expiresAt": "2026-02-08T01:10:00.000Z"}


def token_sale(paid: PaidSettings, public_url: str) -> Sale:
    upload = f"curl -X POST {public_url}{PAID} -H '{TOKEN_HEADER}: TOKEN' -F {FIELD}=@file.png"
    return Sale(
        product=PRODUCT,
        price=paid.price,
        url=f"{public_url}{TOKEN}",
        title="Image upload token",
        summary="A single-use token to upload one image, for agents that share and work together.",
        example_prompt="Get an upload token, so that this screenshot can go into a pull request.",
        description=f"{money(paid)} for a token that uploads one image within {paid.terms.token_minutes} minutes. "
        f"No request body is needed. Then: {upload}. {_terms(paid)}",
        body={},
        body_schema={"type": "object", "properties": {}, "required": []},
        answer=TOKEN_ANSWER,
    )


def upload_sale(paid: PaidSettings, public_url: str) -> Sale:
    return Sale(
        product=PRODUCT,
        price=paid.price,
        url=f"{public_url}{PAID}",
        title="Image upload",
        summary="One image's public URL, paid for and returned at once.",
        example_prompt="Put this small picture online and give me its address.",
        description=f"{money(paid)} for one image's public URL. Send the image as the multipart field {FIELD}, or as "
        f"JSON. For more than a few KB buy a token first, at {public_url}{TOKEN}. {_terms(paid)}",
        body={JSON_FIELD: "<base64>"},
        body_schema={"type": "object", "properties": {JSON_FIELD: {"type": "string"}}, "required": [JSON_FIELD]},
        answer=_upload_answer(paid, public_url),
    )


def money(paid: PaidSettings) -> str:
    play = PLAY_MONEY if paid.facilitator == "play" else ""
    return f"{play}{usdc(paid.price)} USDC on {paid.network.name}"


def _terms(paid: PaidSettings) -> str:
    duration = "for good" if paid.terms.days is None else f"for {paid.terms.days} days"
    kinds = ", ".join(form.name for form in FORMATS)
    return f"{kinds}; at most {exact_size(paid.terms.max_bytes)}, kept {duration}."


def _upload_answer(paid: PaidSettings, public_url: str) -> Json:
    return {
        "url": f"{public_url}/xy9kp3mq7nabc.png",
        "id": "xy9kp3mq7nabc",
        "contentType": "image/png",
        "sizeBytes": 245891,
        "expiresAt": None if paid.terms.days is None else "2027-02-08T00:00:00.000Z",
    }


def well_known(paid: PaidSettings, public_url: str) -> Json:
    """`resources` is for crawlers, `items` has the form of x402's discovery lists."""
    sales = (token_sale(paid, public_url), upload_sale(paid, public_url))
    return {
        "version": 1,
        "x402Version": 2,
        "origin": {
            "title": "img402 API, self-hosted",
            "description": "Image sharing for agents: a local image becomes a public URL.",
            "url": public_url,
        },
        "resources": [sale.url for sale in sales],
        "items": [_item(sale, paid) for sale in sales],
    }


def _item(sale: Sale, paid: PaidSettings) -> Json:
    offer = requirements_v2(sale, paid)
    return {
        "resource": sale.url,
        "type": "http",
        "method": "POST",
        "x402Version": 2,
        "title": sale.title,
        "description": sale.description,
        "summary": sale.summary,
        "category": "tools",
        "useCases": ["screenshots in pull requests", "images shared between agents", "charts and drawings by agents"],
        "idealBuyer": "agents that show images in reviews, issues and chats",
        "examplePrompt": sale.example_prompt,
        "riskNotes": ["Calling it with a payment moves money."],
        "mimeType": "application/json",
        "price": {"amount": usdc(paid.price), "currency": "USDC", "per": "call"},
        "network": paid.network.name,
        "asset": paid.network.usdc,
        "payTo": paid.pay_to,
        "maxTimeoutSeconds": offer["maxTimeoutSeconds"],
        "accepts": [requirements_v1(sale, paid), offer],
        "input": sale.input,
        "inputSchema": sale.body_schema,
        "output": sale.output,
    }
