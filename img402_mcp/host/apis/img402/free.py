"""The free half of the img402 API (docs/specs/img402.md)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from img402_mcp.host.client_address import Address, client_address
from img402_mcp.host.context import Host
from img402_mcp.host.db.plain import Transaction
from img402_mcp.host.errors import json_response, storing
from img402_mcp.host.refusals import body_weight, of_body
from img402_mcp.host.serving.response import image_response
from img402_mcp.host.storage.images import StoredImage
from img402_mcp.host.storage.receive import ImageRules, Incoming, incoming_image
from img402_mcp.host.storage.store import PendingImage, described
from img402_mcp.wire.img402 import FIELD, FREE, UploadedImage


def routes(host: Host) -> list[Route]:
    return [
        Route(FREE, partial(_upload_free, host), methods=["POST"]),
        preflight(FREE),
        Route("/{name}", partial(image_response, host), methods=["GET"]),
    ]


def preflight(path: str, *headers: str) -> Route:
    """What lets a page of another origin post to it, with these headers."""
    allowed = {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Methods": "POST",
        "Access-Control-Allow-Headers": ", ".join(["Content-Type", *headers]),
        "Access-Control-Max-Age": "86400",
    }

    async def answer(_request: Request) -> Response:
        return Response(None, 204, allowed)

    return Route(path, answer, methods=["OPTIONS"])


async def _upload_free(host: Host, request: Request) -> Response:
    free, now, address = host.settings.free, host.now(), address_of(host, request)
    host.caps.refuse_early(address, now)
    host.quota.refuse_early()

    def insert(transaction: Transaction, image: StoredImage) -> None:
        host.images.add(transaction, image)
        host.caps.take(transaction, address, now)  # last, since all uploads wait for the counter's row until the commit

    example = f"curl -F {FIELD}=@screenshot.png {host.settings.public_url}{FREE}"
    message = "The host could not store the image. Nothing was published; it is safe to try again."
    with storing("an upload failed", message):
        async with receiving(host, request, ImageRules(free.max_bytes, example)) as incoming:
            host.refused_bodies.refuse_early(address)  # others of its may have been refused while it came
            describe, room = partial(described, incoming, now, free), host.quota.room(incoming.size)
            image = await host.store.put(PendingImage(incoming.body, describe, insert, room))
    return json_response(uploaded(host, image))


def address_of(host: Host, request: Request) -> Address | None:
    return client_address(request.scope, host.settings.trusted_proxies)


@asynccontextmanager
async def receiving(host: Host, request: Request, rules: ImageRules) -> AsyncIterator[Incoming]:
    """Too many bodies that are refused make their address wait."""
    weight = partial(body_weight, request.scope)
    with host.refused_bodies.watching(address_of(host, request), of_body, weight):
        async with incoming_image(request, host.blobs.spool, rules) as incoming:
            yield incoming


def uploaded(host: Host, image: StoredImage, *, deletable: bool = True) -> UploadedImage:
    """`deletable`: the caller is known to be the uploader."""
    return UploadedImage(
        url=f"{host.settings.image_url}/{image.name}",
        id=image.id,
        content_type=image.format.media_type,
        size_bytes=image.size_bytes,
        expires_at=image.expires_at,
        delete_url=host.signed_urls.deletion(image.name) if deletable and host.settings.upkeep.delete_urls else None,
    )
