"""The studio's uploads (docs/specs/studio.md): an input image gets a durable key and a short-lived preview."""

from datetime import timedelta
from functools import partial

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from img402_mcp.formats import JPEG, PNG, WEBP
from img402_mcp.host.api_keys import bearer
from img402_mcp.host.apis.studio.accounts import found
from img402_mcp.host.context import Host
from img402_mcp.host.errors import ApiError, json_response, storing
from img402_mcp.host.payments.paywall import Paywall
from img402_mcp.host.rate_limits import Allowance, HourlyLimits
from img402_mcp.host.serving.response import missing, private_response
from img402_mcp.host.settings.studio import StudioHostSettings
from img402_mcp.host.storage.images import StoredImage, parse_name
from img402_mcp.host.storage.receive import ImageRules, incoming_image
from img402_mcp.host.storage.signed_urls import LOOKING, Permit
from img402_mcp.host.storage.store import PendingImage, described_private
from img402_mcp.wire import studio
from img402_mcp.wire.img402 import STATUS_OF

KEY_PREFIX = "uploads/"
_FLAWS = {"no_file": "missing", "empty_file": "empty_file", "unsupported_format": "unsupported_format"}
"""What receiving says -> the type of a flaw."""
_STATUSES = {
    "file_too_large": studio.TOO_LARGE,
    "storage_full": STATUS_OF["storage_full"],
    "upload_failed": studio.FAILED,
}


class StudioError(ApiError):
    """`code` is not used here: this API answers with statuses and a `detail`."""

    def __init__(
        self, status: int, detail: str | tuple[studio.Flaw, ...], headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(str(status), str(detail))
        self._status, self._headers = status, headers
        self._answer = studio.DetailError(detail=detail) if isinstance(detail, str) else studio.Invalid(detail=detail)

    def response(self) -> Response:
        return json_response(self._answer, self._headers, self._status)


def routes(host: Host, _paywall: Paywall | None) -> list[Route]:
    terms = host.settings.of(StudioHostSettings)
    limits = HourlyLimits(host.database, "studio", terms.hourly, terms.hourly_all)
    return [
        Route(studio.UPLOADS, partial(_limited, host, limits), methods=["POST"]),
        Route(LOOKING + "{key}", partial(_preview, host), methods=["GET"]),
    ]


async def _limited(host: Host, limits: HourlyLimits, request: Request) -> Response:
    token_id = await _token_id(host, request)
    allowance = await to_thread.run_sync(limits.take, token_id, host.now())
    try:
        response = json_response(await _upload(host, request, allowance))
    except ApiError as refused:
        response = refused.response()
    response.headers.update(allowance.headers)
    return response


async def _token_id(host: Host, request: Request) -> str:
    value = bearer(request.headers)
    token = await to_thread.run_sync(found, host.database, value) if value else None
    if token is None:
        said = "This token is unknown here." if value else "Send a token: Authorization: Bearer <token>."
        raise StudioError(studio.UNAUTHORIZED, said, {"WWW-Authenticate": "Bearer"})
    if not token.may_upload:
        raise StudioError(studio.FORBIDDEN, "This token does not have the capability to upload.")
    return str(token.id)


async def _upload(host: Host, request: Request, allowance: Allowance) -> studio.StoredInput:
    if allowance.exceeded:
        wait = {"Retry-After": str(allowance.seconds_left(host.now()))}
        raise StudioError(studio.RATE_LIMITED, "Rate limit exceeded. Try again when the hour is over.", wait)
    example = f"curl -H 'Authorization: Bearer TOKEN' -F {studio.FIELD}=@photo.png"
    url = f"{host.settings.public_url}{studio.UPLOADS}"
    limit, formats = host.settings.of(StudioHostSettings).max_bytes, (PNG, JPEG, WEBP)
    rules = ImageRules(limit, f"{example} {url}", studio.FIELD, formats, as_json=False)
    message = "The host could not store the image; it is safe to try again."
    try:
        with storing("an input could not be stored", message):
            async with incoming_image(request, host.blobs.spool, rules) as incoming:
                describe = partial(described_private, incoming, host.now())
                room = host.quota.room(incoming.size)
                pending = PendingImage(incoming.body, describe, host.images.add_private, room)
                return _stored(host, await host.store.put(pending))
    except ApiError as refused:
        raise _declined(refused) from None


def _declined(refused: ApiError) -> StudioError:
    if refused.code in _STATUSES:
        return StudioError(_STATUSES[refused.code], str(refused), refused.headers)
    flaw = studio.Flaw(loc=("body", studio.FIELD), msg=str(refused), type=_FLAWS[refused.code])
    return StudioError(studio.INVALID, (flaw,))


def _stored(host: Host, image: StoredImage) -> studio.StoredInput:
    expires = image.created_at + timedelta(minutes=host.settings.of(StudioHostSettings).preview_minutes)
    preview = host.signed_urls.url(Permit("GET", image.name, int(expires.timestamp())))
    return studio.StoredInput(upload_key=f"{KEY_PREFIX}{image.name}", image_url=preview)


async def _preview(host: Host, request: Request) -> Response:
    permit = host.signed_urls.permit("GET", request.path_params["key"], request.query_params, host.now())
    parsed = parse_name(permit.key)
    image = await to_thread.run_sync(host.images.find_private, parsed[0]) if parsed else None
    return await private_response(host, request, image) if image else missing()
