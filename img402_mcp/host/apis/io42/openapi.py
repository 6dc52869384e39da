"""What openapi.json says about the io42 API and its upload URLs."""

from img402_mcp.host.apis.io42 import submit as room
from img402_mcp.host.apis.io42.fee import INTENT_SCHEMA
from img402_mcp.host.apis.openapi_schema import SIGNED, Json, answer, answers, by_status, operation, parameter, schemas
from img402_mcp.host.settings import HostSettings
from img402_mcp.host.settings.io42 import Io42HostSettings
from img402_mcp.wire import io42
from img402_mcp.wire.x402 import PAYMENT_REQUIRED_HEADER, RECEIPT_HEADERS

SECURITY: Json = {"io42Key": {"type": "http", "scheme": "bearer", "description": "the key of an io42 agent"}}
SCHEMAS = schemas("Io42", io42.DataEnvelope, io42.ErrorEnvelope)

_RATE_HEADERS = {
    io42.RATE_LIMIT: "requests an hour",
    io42.RATE_REMAINING: "how many of them are left",
    io42.RATE_RESET: "when the hour ends, in Unix seconds",
}
_PUT_ANSWERS = {
    200: "The file is stored; the submission is complete.",
    400: "wrong_type, wrong_size, wrong_dimensions, unsupported_format: the URL still works for the right file",
    403: "access_denied, url_expired, url_replaced",
    409: "already_uploaded",
    500: "upload_failed",
}


def paths(settings: HostSettings) -> Json:
    return {room.PATH: {"post": _submit(settings)}, room.PUT_PATH: {"put": _put()}}


def _submit(settings: HostSettings) -> Json:
    properties = INTENT_SCHEMA["properties"]
    name = properties["fileName"] | {"maxLength": room.MAX_NAME_LENGTH, "pattern": r"^[A-Za-z0-9][A-Za-z0-9 ._-]*$"}
    size = properties["fileSize"] | {"maximum": settings.of(Io42HostSettings).max_bytes}
    intent = INTENT_SCHEMA | {"properties": properties | {"fileName": name, "fileSize": size}}
    identifier = {"type": "string", "pattern": f"^{io42.ID}$"}
    return operation(
        "submitImage",
        "Request a URL to put a submission's image to. The project's entry fee is paid by x402.",
        _answers(),
        security=[{"io42Key": []}],
        parameters=[parameter(name, "path", identifier) for name in ("project_id", "submission_id")],
        requestBody={"required": True, "content": {"application/json": {"schema": intent}}},
    )


def _answers() -> Json:
    refused = by_status(io42.STATUS_OF, io42.STATUS_OF)
    money = {PAYMENT_REQUIRED_HEADER: "x402's offer, v2"}
    receipts = {RECEIPT_HEADERS[2]: "x402's receipt, in the version of the proof"}
    said = {str(status): answer(codes, "Io42ErrorEnvelope", _RATE_HEADERS) for status, codes in refused.items()}
    said["401"] = answer(refused[401], "Io42ErrorEnvelope")
    said["402"] = answer(f"{refused[402]}; x402's offer, v1, is in the same object", "Io42ErrorEnvelope", money)
    return {"200": answer("Put the file there.", "Io42DataEnvelope", _RATE_HEADERS | receipts)} | said


def _put() -> Json:
    kind = parameter("type", "query", {"type": "string", "enum": [*io42.MEDIA_TYPES]}, "as given")
    size = parameter("size", "query", {"type": "integer", "minimum": 1}, "as given")
    key = parameter("key", "path", {"type": "string", "pattern": "^[a-z0-9]+$"})
    body = {"schema": {"type": "string", "format": "binary"}}
    return operation(
        "putFile",
        "Put the announced file to the URL exactly as it was given; its key and query cannot be guessed.",
        answers("Problem", _PUT_ANSWERS) | {"200": {"description": _PUT_ANSWERS[200]}},
        parameters=[key, SIGNED["expires"], kind, size, SIGNED["signature"]],
        requestBody={"required": True, "content": dict.fromkeys(io42.MEDIA_TYPES, body)},
    )
