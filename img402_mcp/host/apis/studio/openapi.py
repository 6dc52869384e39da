"""What openapi.json says about the studio's uploads and previews."""

from img402_mcp.host.apis.openapi_schema import Json, answer, parameter, schemas
from img402_mcp.host.settings import HostSettings
from img402_mcp.host.settings.studio import StudioHostSettings
from img402_mcp.host.storage.signed_urls import LOOKING
from img402_mcp.wire import studio

SECURITY: Json = {"studioToken": {"type": "http", "scheme": "bearer", "description": "a token of the studio"}}
SCHEMAS = schemas("Studio", studio.StoredInput, studio.DetailError, studio.Invalid)

_REFUSALS = {
    studio.UNAUTHORIZED: "no token, or an unknown one",
    studio.FORBIDDEN: "the token lacks the capability to upload",
    studio.TOO_LARGE: "too many bytes",
    studio.RATE_LIMITED: "too many requests this hour; Retry-After says how long to wait",
    studio.FAILED: "not stored; safe to try again",
}


def paths(settings: HostSettings) -> Json:
    return {studio.UPLOADS: {"post": _upload(settings)}, LOOKING + "{key}": {"get": _preview()}}


def _upload(settings: HostSettings) -> Json:
    field = {"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"}
    form = {"type": "object", "required": [studio.FIELD], "properties": {studio.FIELD: field}}
    refused = {str(status): answer(what, "StudioDetailError") for status, what in _REFUSALS.items()}
    limit = settings.of(StudioHostSettings).max_bytes
    return {
        "operationId": "uploadInput",
        "summary": f"Upload an input image, JPEG, PNG or WebP of at most {limit} bytes.",
        "security": [{"studioToken": []}],
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": form}}},
        "responses": {
            "200": answer("The durable handle, and a preview that soon expires.", "StudioStoredInput"),
            "422": answer("no such field, or no such image", "StudioInvalid"),
        }
        | refused,
    }


def _preview() -> Json:
    image: Json = {kind: {} for kind in studio.MEDIA_TYPES}
    return {
        "operationId": "getPreview",
        "summary": "The input itself, at the URL exactly as it was given.",
        "parameters": [
            parameter("key", "path", {"type": "string", "pattern": r"^[a-z0-9]+\.[a-z]+$"}),
            parameter("expires", "query", {"type": "integer"}, "as given"),
            parameter("signature", "query", {"type": "string", "pattern": "^[0-9a-f]{64}$"}, "as given"),
        ],
        "responses": {
            "200": {"description": "The bytes as uploaded.", "content": image},
            "206": {"description": "Some of them.", "content": image},
            "403": answer("access_denied, url_expired", "Problem"),
            "404": answer("not_found", "Problem"),
            "416": answer("range_not_satisfiable", "Problem"),
        },
    }
