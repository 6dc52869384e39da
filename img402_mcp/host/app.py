"""The host's application: route table, middleware and lifespan."""

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import anyio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from img402_mcp.errors import SettingsError
from img402_mcp.host.apis import apis, deletion
from img402_mcp.host.apis.img402 import free, paid
from img402_mcp.host.apis.img402.paid import PaidContext
from img402_mcp.host.apis.openapi import document
from img402_mcp.host.cleanup import clean_up_periodically
from img402_mcp.host.context import Clock, Host
from img402_mcp.host.db.database import Database
from img402_mcp.host.errors import OUT_OF_REACH, UNCACHED, ApiError, problem
from img402_mcp.host.http.request_body import RequestBody
from img402_mcp.host.observability import access_log, health
from img402_mcp.host.observability.telemetry import Telemetry
from img402_mcp.host.pages import front
from img402_mcp.host.payments.chain import Chain
from img402_mcp.host.payments.facilitators.base import Facilitator
from img402_mcp.host.payments.facilitators.play import Play
from img402_mcp.host.payments.facilitators.remote import Authorize, Remote
from img402_mcp.host.payments.paywall import SETTLE_TIMEOUT, Paywall
from img402_mcp.host.payments.products import well_known
from img402_mcp.host.payments.records import PaymentRecords
from img402_mcp.host.payments.upload_tokens import UploadTokens
from img402_mcp.host.private_files import private_folder, warn_of_open
from img402_mcp.host.rate_limits import DailyCaps
from img402_mcp.host.secret_key import secret_of
from img402_mcp.host.serving.fast_path import FastPath
from img402_mcp.host.settings import HostSettings, PaidSettings
from img402_mcp.host.storage.images import Images
from img402_mcp.host.storage.opening import open_blobs, open_store
from img402_mcp.host.storage.quota import Quota
from img402_mcp.host.storage.signed_urls import SignedUrls
from img402_mcp.wire.img402 import OPENAPI, WELL_KNOWN

if TYPE_CHECKING:
    from img402_mcp.host.observability.metrics import Metrics

_log = logging.getLogger("img402_mcp.host.payments")
_failures = logging.getLogger("img402_mcp.host.failures")

OTHER_APIS = apis()  # here, so that whatever opens the database after this import has the tables of each

Endpoint = Callable[[Request], Awaitable[Response]]


def utc_now() -> datetime:
    return datetime.now(UTC)


def create_app(
    settings: HostSettings,
    *,
    now: Clock = utc_now,
    authorize: Authorize | None = None,
    facilitator: Facilitator | None = None,
    settle_timeout: float = SETTLE_TIMEOUT,
) -> Starlette:
    """Creates missing folders and tables; raises SettingsError where it cannot.

    `authorize` makes the headers that the remote facilitator requires; `facilitator` replaces it completely.
    """
    with reaching(settings):
        host = _opened(settings, now)
    metrics, status = _metrics(host), health.Health(host)
    context = None
    if settings.paid:
        paywall = Paywall(
            settings.paid,
            facilitator or _facilitator(host, settings.paid, authorize),
            PaymentRecords(host.database, now),
            settle_timeout,
            recovers=facilitator is None,
            count=metrics.settled if metrics else lambda _: None,
        )
        life = timedelta(minutes=settings.paid.terms.token_minutes)
        tokens = UploadTokens(host.database, secret_of(settings), life)
        context = PaidContext(host, paywall, tokens)
    app = Starlette(
        routes=_routes(host, context, status),
        middleware=_middleware(host, metrics),
        exception_handlers=_HANDLERS,
        lifespan=_lifespan(host, context, metrics),
    )
    app.state.drain, app.state.metrics = status.drain, metrics
    app.state.fast_path = FastPath(host, metrics).answer
    # A redirect to a normalised path would repeat the request's Host header.
    app.router.redirect_slashes = False
    return app


def _routes(host: Host, context: PaidContext | None, status: health.Health) -> list[Route]:
    """The first match answers. Most requests are uploads; an image's name matches almost everything, so it is last."""
    upload, *others = free.routes(host)
    settings, paywall = host.settings, context.paywall if context else None
    sold = well_known(settings.paid, settings.public_url) if settings.paid else None
    return [
        upload,
        *front.routes(settings),
        Route(OPENAPI, _saying(document(settings)), methods=["GET"]),
        *health.routes(status),
        Route(WELL_KNOWN, _saying(sold) if sold else paid.off, methods=["GET"]),
        *paid.routes(context),
        *(route for api in OTHER_APIS for route in api.routes(host, paywall)),
        *deletion.routes(host),
        *others,
    ]


def _middleware(host: Host, metrics: "Metrics | None") -> list[Middleware]:
    """Outermost first."""
    return [
        Middleware(Telemetry, trusted=host.settings.trusted_proxies, metrics=metrics),
        # Starlette's own lies outside of all these: no log and no id would know of its answer.
        Middleware(ServerErrorMiddleware, handler=_broken),
        Middleware(RequestBody, timeouts=host.settings.timeouts),
    ]


@contextmanager
def reaching(settings: HostSettings) -> Iterator[None]:
    try:
        yield
    except OUT_OF_REACH as error:
        why = str(error).partition("\n")[0]  # sqlalchemy adds links to its documentation
        raise SettingsError(
            f"The host cannot open its data (blobs in {settings.blobs}, rows in {settings.database!r}): {why}. "
            "Check --data, IMG402_HOST_BLOBS and IMG402_HOST_DATABASE."
        ) from error


def _opened(settings: HostSettings, now: Clock) -> Host:
    private_folder(settings.data)
    blobs = open_blobs(settings.blobs, settings.objects, settings.delivery.edge_max_age)
    database, upkeep = Database(settings.database), settings.upkeep
    sqlite = settings.database.get_backend_name() == "sqlite" and "uri" not in settings.database.query
    rows = [Path(str(settings.database.database)).absolute().parent] if sqlite else []
    warn_of_open([settings.data, settings.blobs, *rows])
    return Host(
        settings=settings,
        blobs=blobs,
        store=open_store(blobs, database),
        database=database,
        images=Images(database, now),
        caps=DailyCaps(settings.free),
        signed_urls=SignedUrls(secret_of(settings), settings.public_url),
        quota=Quota(database, settings.blobs, upkeep.most_bytes, upkeep.floor_bytes, now),
        now=now,
    )


def _metrics(host: Host) -> "Metrics | None":
    if host.settings.upkeep.metrics is None:
        return None
    from img402_mcp.host.observability.metrics import Metrics  # noqa: PLC0415  # 60 ms, and off by default

    return Metrics(host.database, {route: kind for api in OTHER_APIS for route, kind in api.uploads.items()})


def _facilitator(host: Host, paid: PaidSettings, authorize: Authorize | None) -> Facilitator:
    if paid.facilitator == "play":
        _log.warning("PLAY MONEY: payments on this host move no money, so what they buy is free.")
        return Play(host.database, host.now)
    chain = Chain(paid.rpc_url, paid.network) if paid.rpc_url else None
    return Remote(paid.facilitator_url, chain, authorize)


def _lifespan(
    host: Host, context: PaidContext | None, metrics: "Metrics | None"
) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncGenerator[None]:
        async with AsyncExitStack() as stack:
            stack.callback(access_log.flush)
            stack.callback(host.database.close)
            stack.callback(host.store.close)
            if context is not None:
                stack.push_async_callback(context.paywall.facilitator.aclose)
            tasks = await stack.enter_async_context(anyio.create_task_group())
            tasks.start_soon(clean_up_periodically, host, metrics.cleaned_up if metrics else lambda _: None)
            yield
            tasks.cancel_scope.cancel()

    return lifespan


def _saying(answer: dict[str, Any]) -> Endpoint:
    async def say(_request: Request) -> Response:
        return JSONResponse(answer, headers=UNCACHED)

    return say


async def _refused(_request: Request, error: Exception) -> Response:
    return cast("ApiError", error).response()


async def _no_such_route(_request: Request, error: Exception) -> Response:
    http_error = cast("HTTPException", error)
    code = HTTPStatus(http_error.status_code).name.lower()
    return problem(
        http_error.status_code, code, f"{http_error.detail}. {OPENAPI} lists the routes.", http_error.headers
    )


async def _client_gone(_request: Request, _error: Exception) -> Response:
    """Nobody reads this; 499 is what the log shows."""
    return Response(None, 499)


async def _unavailable(_request: Request, error: Exception) -> Response:
    _failures.error("the store or the database failed", exc_info=error)
    return problem(503, "unavailable", "The host cannot reach its store or its database. Try again later.")


_HANDLERS = {
    ApiError: _refused,
    HTTPException: _no_such_route,
    ClientDisconnect: _client_gone,
    **dict.fromkeys(OUT_OF_REACH, _unavailable),
}


async def _broken(_request: Request, _error: Exception) -> Response:
    return problem(500, "internal_error", "The host failed; the reason is in its log.")
