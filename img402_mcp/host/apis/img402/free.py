"""The img402 API (docs/specs/img402.md), as far as it is free."""

import logging
from datetime import datetime
from functools import partial

from anyio import to_thread
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from img402_mcp.host.client_address import client_address
from img402_mcp.host.context import Host
from img402_mcp.host.errors import UNCACHED, ApiError
from img402_mcp.host.serving.response import image_response
from img402_mcp.host.storage.images import StoredImage
from img402_mcp.host.storage.receive import ImageRules, Incoming, incoming_image
from img402_mcp.host.storage.store import Admit, store_upload
from img402_mcp.wire.img402 import FIELD, FREE, UploadedImage

_log = logging.getLogger("img402_mcp.host.failures")
_PREFLIGHT = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST",
    "Access-Control-Allow-Headers": "Content-Type",
    "Access-Control-Max-Age": "86400",
}


def routes(host: Host) -> list[Route]:
    async def upload_free(request: Request) -> Response:
        image = await _upload_free(host, request)
        answer = uploaded(host, image).model_dump_json(by_alias=True)
        return Response(answer, 200, UNCACHED, "application/json")

    async def serve(request: Request) -> Response:
        return await image_response(host, request, request.path_params["name"])

    return [
        Route(FREE, upload_free, methods=["POST"]),
        Route(FREE, _preflight, methods=["OPTIONS"]),
        Route("/{name}", serve, methods=["GET"]),
    ]


async def _preflight(_request: Request) -> Response:
    return Response(None, 204, _PREFLIGHT)


async def _upload_free(host: Host, request: Request) -> StoredImage:
    free, now = host.settings.free, host.now()
    address = client_address(request.scope, host.settings.trusted_proxies)
    host.caps.refuse_early(address, now)
    host.quota.refuse_early()
    admit = partial(host.caps.take, address=address, now=now)
    example = f"curl -F {FIELD}=@screenshot.png {host.settings.public_url}{FREE}"
    try:
        async with incoming_image(request, host.blobs.spool, ImageRules(free.max_bytes, example)) as incoming:
            return await to_thread.run_sync(_store, host, incoming, admit, now, limiter=host.writers)
    except (OSError, SQLAlchemyError) as error:
        _log.exception("an upload failed")
        message = "The host could not store the image. Nothing was published; it is safe to try again."
        raise ApiError("upload_failed", message) from error


def _store(host: Host, incoming: Incoming, admit: Admit, now: datetime) -> StoredImage:
    with host.quota.room(incoming.size):
        return store_upload(host.blobs, host.images, incoming, admit=admit, now=now, days=host.settings.free.days)


def uploaded(host: Host, image: StoredImage, *, deletable: bool = True) -> UploadedImage:
    """`deletable`: who asks is sure to be the one who uploaded it."""
    return UploadedImage(
        url=f"{host.settings.public_url}/{image.name}",
        id=image.id,
        content_type=image.format.media_type,
        size_bytes=image.size_bytes,
        expires_at=image.expires_at,
        delete_url=host.delete_keys.url(image.name) if deletable and host.delete_keys else None,
    )
