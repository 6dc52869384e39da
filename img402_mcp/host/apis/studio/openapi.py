"""What openapi.json says about the studio's uploads and previews."""

from img402_mcp.host.apis.openapi_schema import SIGNED, Json, answers, operation, parameter, schemas
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
    limit = settings.of(StudioHostSettings).max_bytes
    return operation(
        "uploadInput",
        f"Upload an input image, JPEG, PNG or WebP of at most {limit} bytes.",
        answers("StudioStoredInput", {200: "The durable handle, and a preview that soon expires."})
        | answers("StudioInvalid", {studio.INVALID: "no such field, or no such image"})
        | answers("StudioDetailError", _REFUSALS),
        security=[{"studioToken": []}],
        requestBody={"required": True, "content": {"multipart/form-data": {"schema": form}}},
    )


def _preview() -> Json:
    image: Json = {kind: {} for kind in studio.MEDIA_TYPES}
    said = {"200": "The bytes as uploaded.", "206": "Some of them."}
    refusals = {403: "access_denied, url_expired", 404: "not_found", 416: "range_not_satisfiable"}
    key = parameter("key", "path", {"type": "string", "pattern": r"^[a-z0-9]+\.[a-z]+$"})
    return operation(
        "getPreview",
        "The input itself, at the URL exactly as it was given.",
        {status: {"description": what, "content": image} for status, what in said.items()}
        | answers("Problem", refusals),
        parameters=[key, *SIGNED.values()],
    )
