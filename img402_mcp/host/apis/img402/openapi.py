"""What openapi.json says about the img402 API and the images."""

from collections.abc import Iterable
from typing import Any

from img402_mcp.formats import FORMATS
from img402_mcp.host.apis.openapi_schema import Json, answer, answers, by_status, operation, parameter, schemas
from img402_mcp.host.payments.products import token_sale, upload_sale
from img402_mcp.host.payments.requirements import Sale, requirements_v2
from img402_mcp.host.refusals import BODY_CODES
from img402_mcp.host.settings import HostSettings, PaidSettings
from img402_mcp.host.storage.receive import JSON_FIELD
from img402_mcp.host.storage.signed_urls import DELETING
from img402_mcp.wire import img402

_PAYMENT_CODES = ("invalid_payment", "payment_conflict", "payment_pending", "upload_failed", "storage_full", "too_many")
TOKEN_CODES = _PAYMENT_CODES
PAID_CODES = (*BODY_CODES, "invalid_token", "token_expired", *_PAYMENT_CODES)
FREE_CODES = (*BODY_CODES, "daily_limit", "too_many", "upload_failed", "storage_full")


SCHEMAS = schemas("", img402.UploadedImage, img402.TokenAnswer, img402.Problem)
_TEXT: Json = {"type": "string"}
_LINK = {
    "links": {
        "image": {
            "operationId": "getImage",
            "description": "Where `contentType` is image/png; other types have other endings. `url` is complete.",
            "parameters": {"name": "{$response.body#/id}.png"},
        }
    }
}


def paths(settings: HostSettings) -> Json:
    return {
        img402.FREE: {"post": _upload(settings)},
        **_paid(settings),
        **_deleting(settings),
        "/{name}": {"get": _serve()},
    }


def _upload(settings: HostSettings) -> Json:
    free = settings.free
    lives = [f"{_kept(tier.days)} up to {tier.max_bytes} bytes" for tier in free.tiers] or [_kept(free.days)]
    summary = f"Upload an image of at most {free.max_bytes} bytes, kept {', '.join(lives)}."
    responses = {"200": answer("The image is public.", "UploadedImage") | _LINK} | _problems(FREE_CODES)
    return operation("uploadFree", summary, responses, requestBody=_image_body())


def _kept(days: int | None) -> str:
    return "forever" if days is None else f"for {days} days"


def _paid(settings: HostSettings) -> Json:
    if settings.paid is None:
        return {}
    token, upload = token_sale(settings.paid, settings.public_url), upload_sale(settings.paid, settings.public_url)
    goods = [{"$ref": f"#/components/schemas/{name}"} for name in ("TokenAnswer", "UploadedImage")]
    header = parameter(img402.TOKEN_HEADER, "header", _TEXT, "instead of a payment") | {"required": False}
    token_answers, upload_answers = _paid_answers({"oneOf": goods}, TOKEN_CODES), _paid_answers(goods[1], PAID_CODES)
    more = {"parameters": [header], "requestBody": _image_body()}
    return {
        img402.TOKEN: {"post": _bought(settings.paid, token, "buyUploadToken", token_answers)},
        img402.PAID: {"post": _bought(settings.paid, upload, "uploadPaid", upload_answers, **more)},
    }


def _bought(paid: PaidSettings, sale: Sale, operation_id: str, responses: Json, **more: Any) -> Json:  # noqa: ANN401  # JSON
    price = {"amount": paid.terms.price, "currency": "USDC", "mode": "fixed"}
    offer = {"protocols": ["x402"], "price": price, **requirements_v2(sale, paid)}
    payment = {**offer, "input": sale.input, "output": sale.output}
    about = {"description": sale.description, "x-payment-info": payment}
    return operation(operation_id, sale.title, responses, **about, **more)


def _paid_answers(schema: Json, codes: Iterable[str]) -> Json:
    """The same payment gets the same answer."""
    paid = {"description": "Paid for.", "content": {"application/json": {"schema": schema}}}
    required = {"description": "Payment required: x402, v1 in the body and v2 in the header PAYMENT-REQUIRED."}
    return {"200": paid, "402": required} | _problems(codes)


def _image_body() -> Json:
    return {
        "required": True,
        "content": {
            "multipart/form-data": _body(img402.FIELD, {"type": "string", "format": "binary"}),
            "application/json": _body(JSON_FIELD, {"type": "string", "format": "byte", "contentEncoding": "base64"}),
        },
    }


def _body(field: str, schema: Json) -> Json:
    return {"schema": {"type": "object", "required": [field], "properties": {field: schema}}}


def _problems(codes: Iterable[str]) -> Json:
    return answers("Problem", by_status(codes, img402.STATUS_OF))


def _deleting(settings: HostSettings) -> Json:
    """`deleteUrl` is complete, so clients that have one do not need this."""
    if not settings.upkeep.delete_urls:
        return {}
    parameters = [parameter("name", "path", _TEXT, "{id}.{ext}"), parameter("key", "query", _TEXT, "as in deleteUrl")]
    page: Json = {"description": "A page for people.", "content": {"text/html": {}}}
    denied = answers("Problem", {403: "access_denied: not the URL in deleteUrl"})
    said: dict[str, tuple[str, Json]] = {
        "get": ("Asks whether to delete; deletes nothing.", {"200": page, "404": page}),
        "post": ("The request that the page's button sends.", {"200": page}),
        "delete": ("The image no longer exists, whether or not it did before.", {"204": {"description": "Gone."}}),
    }
    return {
        f"{DELETING}{{name}}": {
            method: operation(f"{method}DeleteUrl", summary, responses | denied, parameters=parameters)
            for method, (summary, responses) in said.items()
        }
    }


def _serve() -> Json:
    image: Json = {form.media_type: {} for form in FORMATS}
    responses = {"200": {"description": "The bytes as uploaded.", "content": image}}
    responses |= answers("Problem", {404: "not_found: never existed, or expired"})
    parameters = [parameter("name", "path", _TEXT, "{id}.{ext}")]
    return operation("getImage", "The image itself.", responses, parameters=parameters)
