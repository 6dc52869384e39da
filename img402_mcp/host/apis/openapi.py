"""The host's description of itself, with the limits in force."""

from collections.abc import Iterable

from img402_mcp import __version__
from img402_mcp.formats import FORMATS
from img402_mcp.host.apis import apis
from img402_mcp.host.apis.img402 import openapi as img402
from img402_mcp.host.apis.openapi_schema import Json
from img402_mcp.host.settings import HostSettings
from img402_mcp.wire.img402 import LIMITS_KEY, Limits


def document(settings: HostSettings) -> Json:
    others = apis()
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "img402 API, self-hosted",
            "version": __version__,
            "description": "Upload an image, get a public URL. Everything uploaded is public.",
        },
        "servers": [{"url": settings.public_url}],
        "paths": img402.paths(settings) | _joined(api.paths(settings) for api in others),
        "components": {
            "schemas": img402.SCHEMAS | _joined(api.schemas for api in others),
            "securitySchemes": _joined(api.security for api in others),
        },
        LIMITS_KEY: limits(settings).model_dump(mode="json", by_alias=True),
    }


def _joined(parts: Iterable[Json]) -> Json:
    return {name: part for each in parts for name, part in each.items()}


def limits(settings: HostSettings) -> Limits:
    return Limits(
        formats=tuple(form.media_type for form in FORMATS),
        free=settings.free,
        paid=settings.paid.terms if settings.paid else None,
    )
