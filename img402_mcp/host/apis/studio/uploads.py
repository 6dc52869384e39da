"""The studio's uploads (docs/specs/studio.md): an input image gets a durable key and a short-lived preview."""

import logging
from datetime import timedelta

from anyio import to_thread
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from img402_mcp.formats import JPEG, PNG, WEBP
from img402_mcp.host.api_keys import bearer
from img402_mcp.host.apis.studio.tokens import StudioToken, StudioTokens
from img402_mcp.host.context import Host
from img402_mcp.host.errors import UNCACHED, ApiError
from img402_mcp.host.payments.paywall import Paywall
from img402_mcp.host.rate_limits import Allowance, HourlyLimits
from img402_mcp.host.serving.response import missing, private_response
from img402_mcp.host.settings.studio import StudioHostSettings
from img402_mcp.host.storage.images import PRIVATE_ID, StoredImage, new_id, parse_name
from img402_mcp.host.storage.quota import StorageFull
from img402_mcp.host.storage.receive import ImageRules, Incoming, incoming_image
from img402_mcp.host.storage.signed_urls import LOOKING, Permit
from img402_mcp.host.storage.store import PendingImage
from img402_mcp.wire import studio
from img402_mcp.wire.img402 import STATUS_OF

_log = logging.getLogger("img402_mcp.host.failures")

KEY_PREFIX = "uploads/"
_FLAWS = {"no_file": "missing", "empty_file": "empty_file", "unsupported_format": "unsupported_format"}
"""What receiving says -> the type of a flaw."""


class StudioError(ApiError):
    """`code` is not used here: this API answers with statuses and a `detail`."""

    def __init__(self, status: int, answer: BaseModel, headers: dict[str, str] | None = None) -> None:
        super().__init__(str(status), str(answer))
        self._status, self._answer, self._more = status, answer, headers or {}

    def response(self) -> Response:
        return _json(self._status, self._answer, self._more)


def routes(host: Host, _paywall: Paywall | None) -> list[Route]:
    terms, inputs = host.settings.of(StudioHostSettings), StudioTokens(host.database)
    limits = HourlyLimits(host.database, "studio", terms.hourly, terms.hourly_all)

    async def upload(request: Request) -> Response:
        token = await _token(inputs, request)
        allowance = await to_thread.run_sync(limits.take, token.id, host.now())
        try:
            response = _json(200, await _upload(host, request, allowance))
        except ApiError as refused:
            response = refused.response()
        response.headers.update(allowance.headers)
        return response

    async def preview(request: Request) -> Response:
        return await _preview(host, request)

    return [
        Route(studio.UPLOADS, upload, methods=["POST"]),
        Route(LOOKING + "{key}", preview, methods=["GET"]),
    ]


def _json(status: int, answer: BaseModel, headers: dict[str, str] | None = None) -> Response:
    body = answer.model_dump_json(by_alias=True, exclude_none=True)
    return Response(body, status, UNCACHED | (headers or {}), "application/json")


async def _token(inputs: StudioTokens, request: Request) -> StudioToken:
    value = bearer(request.headers)
    token = await to_thread.run_sync(inputs.token, value) if value else None
    if token is None:
        said = "This token is unknown here." if value else "Send a token: Authorization: Bearer <token>."
        raise StudioError(studio.UNAUTHORIZED, studio.DetailError(detail=said), {"WWW-Authenticate": "Bearer"})
    if not token.may_upload:
        raise StudioError(
            studio.FORBIDDEN, studio.DetailError(detail="This token does not have the capability to upload.")
        )
    return token


async def _upload(host: Host, request: Request, allowance: Allowance) -> studio.StoredInput:
    if allowance.exceeded:
        wait = {"Retry-After": str(allowance.seconds_left(host.now()))}
        problem = studio.DetailError(detail="Rate limit exceeded. Try again when the hour is over.")
        raise StudioError(studio.RATE_LIMITED, problem, wait)
    example = f"curl -H 'Authorization: Bearer TOKEN' -F {studio.FIELD}=@photo.png"
    url = f"{host.settings.public_url}{studio.UPLOADS}"
    limit, formats = host.settings.of(StudioHostSettings).max_bytes, (PNG, JPEG, WEBP)
    rules = ImageRules(limit, f"{example} {url}", studio.FIELD, formats, as_json=False)
    try:
        async with incoming_image(request, host.blobs.spool, rules) as incoming:
            return _stored(host, await host.store.put(_input(host, incoming)))
    except ApiError as refused:
        raise _declined(refused) from None
    except (OSError, SQLAlchemyError) as error:
        _log.exception("an input could not be stored")
        problem = studio.DetailError(detail="The host could not store the image; it is safe to try again.")
        raise StudioError(studio.FAILED, problem) from error


def _declined(refused: ApiError) -> StudioError:
    if isinstance(refused, StorageFull):
        return StudioError(STATUS_OF[refused.code], studio.DetailError(detail=str(refused)), refused.headers)
    if refused.code == "file_too_large":
        return StudioError(studio.TOO_LARGE, studio.DetailError(detail=str(refused)))
    flaw = studio.Flaw(loc=("body", studio.FIELD), msg=str(refused), type=_FLAWS[refused.code])
    return StudioError(studio.INVALID, studio.Invalid(detail=(flaw,)))


def _input(host: Host, incoming: Incoming) -> PendingImage:
    def describe() -> StoredImage:
        return StoredImage(new_id(PRIVATE_ID), incoming.examine().format, incoming.size, host.now(), None)

    return PendingImage(incoming.body, describe, host.images.add_private, host.quota.room(incoming.size))


def _stored(host: Host, image: StoredImage) -> studio.StoredInput:
    expires = image.created_at + timedelta(minutes=host.settings.of(StudioHostSettings).preview_minutes)
    preview = host.signed_urls.url(Permit("GET", image.name, int(expires.timestamp())))
    return studio.StoredInput(upload_key=f"{KEY_PREFIX}{image.name}", image_url=preview)


async def _preview(host: Host, request: Request) -> Response:
    permit = host.signed_urls.permit("GET", request.path_params["key"], request.query_params, host.now())
    parsed = parse_name(permit.key)
    image = await to_thread.run_sync(host.images.find_private, parsed[0]) if parsed else None
    return await private_response(host, request, image) if image else missing()
