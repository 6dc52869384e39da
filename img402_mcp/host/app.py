"""The host's door: the route table and the lifespan."""

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import cast

import anyio
from anyio import to_thread
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from img402_mcp.errors import SettingsError
from img402_mcp.host.access_log import AccessLog
from img402_mcp.host.apis import img402, img402_paid, io42, studio
from img402_mcp.host.apis.img402_paid import Shop
from img402_mcp.host.blobs.folder import Folder
from img402_mcp.host.catalogue import payee, well_known
from img402_mcp.host.chain import Chain
from img402_mcp.host.early_answers import EarlyAnswers
from img402_mcp.host.facilitators.base import Facilitator
from img402_mcp.host.facilitators.play import Play
from img402_mcp.host.facilitators.remote import Authorize, Remote
from img402_mcp.host.index import Index
from img402_mcp.host.limits import DailyCaps
from img402_mcp.host.openapi import document
from img402_mcp.host.payments import Payments
from img402_mcp.host.paywall import PATIENCE, Paywall
from img402_mcp.host.recent import Recent
from img402_mcp.host.redeeming import Redeeming
from img402_mcp.host.refusals import UNCACHED, Refused, problem
from img402_mcp.host.secret import kept_secret
from img402_mcp.host.settings import HostSettings, PaidSettings
from img402_mcp.host.signed_urls import SignedUrls
from img402_mcp.host.state import Clock, Host
from img402_mcp.host.sweeping import sweep_for_ever
from img402_mcp.wire.img402 import OPENAPI, WELL_KNOWN

_log = logging.getLogger("img402_mcp.host.payments")

Endpoint = Callable[[Request], Awaitable[Response]]


def utc_now() -> datetime:
    return datetime.now(UTC)


def create_app(
    settings: HostSettings,
    *,
    now: Clock = utc_now,
    authorize: Authorize | None = None,
    facilitator: Facilitator | None = None,
    patience: float = PATIENCE,
) -> Starlette:
    """Creates folders and tables where they are missing; raises SettingsError where it cannot.

    `authorize` makes the headers that the remote facilitator asks for; `facilitator` takes its place altogether.
    """
    host = _open(settings, now)
    shop = None
    if settings.paid:
        shop = _shop(host, settings.paid, facilitator or _facilitator(host, settings.paid, authorize), patience)
    app = Starlette(
        routes=[
            Route(OPENAPI, _openapi(settings), methods=["GET"]),
            Route("/healthz", _health(host), methods=["GET"]),
            Route(WELL_KNOWN, _well_known(settings), methods=["GET"]),
            *img402_paid.routes(shop),
            *io42.routes(host, shop.paywall if shop else None),
            *studio.routes(host),
            *img402.routes(host),
        ],
        middleware=[Middleware(AccessLog, trusted=settings.trusted_proxies), Middleware(EarlyAnswers)],
        exception_handlers={
            Refused: _refused,
            HTTPException: _no_such_route,
            ClientDisconnect: _client_gone,
            Exception: _broken,
        },
        lifespan=_lifespan(host, shop),
    )
    # A redirect to a tidier path would name whatever Host the request came with.
    app.router.redirect_slashes = False
    return app


def _open(settings: HostSettings, now: Clock) -> Host:
    try:
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        blobs, signed_urls = Folder(settings.blobs), SignedUrls(_secret(settings), settings.public_url)
        return Host(settings, blobs, Index(settings.database), DailyCaps(settings.free), Recent(), signed_urls, now)
    except (OSError, SQLAlchemyError) as error:
        raise SettingsError(
            f"The host cannot open its data (blobs in {settings.blobs}, rows in {settings.database!r}): {error}. "
            "Check --data, IMG402_HOST_BLOBS and IMG402_HOST_DATABASE."
        ) from error


def _shop(host: Host, paid: PaidSettings, facilitator: Facilitator, patience: float) -> Shop:
    # Where the chain itself can be asked, nothing is taken on trust.
    trust_used = 0 if paid.rpc_url else paid.trust_used
    paywall = Paywall(payee(paid), facilitator, Payments(host.index, host.now), host.now, trust_used, patience)
    life = timedelta(minutes=paid.terms.token_minutes)
    return Shop(host, paid, paywall, Redeeming(host.index, _secret(host.settings), life))


def _facilitator(host: Host, paid: PaidSettings, authorize: Authorize | None) -> Facilitator:
    if paid.facilitator == "play":
        _log.warning("PLAY MONEY: payments on this host move nothing, and whatever they buy is given away.")
        return Play(host.index, host.now)
    chain = Chain(paid.rpc_url, paid.network) if paid.rpc_url else None
    return Remote(paid.facilitator_url, chain, authorize)


def _secret(settings: HostSettings) -> bytes:
    try:
        return settings.secret.encode() if settings.secret else kept_secret(settings.data)
    except OSError as error:
        raise SettingsError(
            f"The host cannot keep its secret in {settings.data}: {error}. Check --data, or set IMG402_HOST_SECRET."
        ) from error


def _lifespan(host: Host, shop: Shop | None) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncGenerator[None]:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(sweep_for_ever, host)
            yield
            tasks.cancel_scope.cancel()
        if shop is not None:
            await shop.paywall.facilitator.aclose()
        host.index.close()

    return lifespan


def _openapi(settings: HostSettings) -> Endpoint:
    answer = document(settings)

    async def openapi(_request: Request) -> Response:
        return JSONResponse(answer, headers=UNCACHED)

    return openapi


def _well_known(settings: HostSettings) -> Endpoint:
    async def discovery(_request: Request) -> Response:
        if settings.paid is None:
            return img402_paid.off()
        return JSONResponse(well_known(settings.paid, settings.public_url), headers=UNCACHED)

    return discovery


def _health(host: Host) -> Endpoint:
    async def health(_request: Request) -> Response:
        try:
            await to_thread.run_sync(host.index.check)
        except SQLAlchemyError:
            return problem(503, "unavailable", "The host cannot reach its database.")
        return JSONResponse({"status": "ok"}, headers=UNCACHED)

    return health


async def _refused(_request: Request, error: Exception) -> Response:
    return cast("Refused", error).response()


async def _no_such_route(_request: Request, error: Exception) -> Response:
    told = cast("HTTPException", error)
    code = HTTPStatus(told.status_code).name.lower()
    return problem(told.status_code, code, f"{told.detail}. See {OPENAPI} for what there is.", told.headers)


async def _client_gone(_request: Request, _error: Exception) -> Response:
    """Nobody reads this; 499 is what the log shows."""
    return Response(None, 499)


async def _broken(_request: Request, _error: Exception) -> Response:
    return problem(500, "internal_error", "The host failed; its log tells why.")
