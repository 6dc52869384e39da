"""Metrics for Prometheus, on a separate port. Imported only where they are switched on.

Labels have few values: routes as in the route table, never a path, an id or an address.
"""

import logging
import time
from asyncio import get_running_loop
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from socket import AF_INET, AF_INET6, create_server
from threading import Thread
from typing import Any

from anyio import move_on_after
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    make_asgi_app,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.types import Receive, Scope, Send
from uvicorn import Config, Server

from img402_mcp.errors import SettingsError
from img402_mcp.host.cleanup import CleanupReport
from img402_mcp.host.db.database import Database
from img402_mcp.host.errors import CODE, OUT_OF_REACH, problem
from img402_mcp.host.http.connection import connections
from img402_mcp.host.observability.access_log import Answered
from img402_mcp.host.settings import Timeouts
from img402_mcp.host.storage.quota import StoredUsage, stored_usage
from img402_mcp.wire.img402 import FREE, PAID

_log = logging.getLogger("img402_mcp.host.failures")

# Switches off the `_created` series: they would double the number, and nobody uses them.
disable_created_metrics()  # type: ignore[no-untyped-call]  # the library has no types for it

# From half a millisecond for a cached GET to a large body over a slow line.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
USAGE_LIFE = 60  # seconds for which a sum over all rows is reused
USAGE_TIMEOUT = 2  # seconds; Prometheus waits for 10
READERS = Timeouts(connections=32, head=5)  # of which one address may have eight
_METHODS = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"}


class Metrics:
    """`kinds`: the upload routes besides img402's, with the kind that each counts as."""

    def __init__(self, database: Database, kinds: Mapping[str, str]) -> None:
        self._kinds = {FREE: "free", PAID: "paid", **kinds}
        self.registry = own = CollectorRegistry()
        ProcessCollector(registry=own)
        self._usage = _UsageCollector(database)
        own.register(self._usage)
        self._page = make_asgi_app(own)
        where = ["method", "route"]
        self.requests = Counter("img402_requests", "Requests answered.", [*where, "status"], registry=own)
        self.seconds = Histogram(
            "img402_request_seconds",
            "From the request's head to the end of the answer.",
            where,
            buckets=BUCKETS,
            registry=own,
        )
        self.received = Counter("img402_received_bytes", "Bytes of bodies read.", registry=own)
        self.sent = Counter("img402_sent_bytes", "Bytes of bodies sent.", registry=own)
        self.in_flight = Gauge("img402_requests_in_flight", "Requests in progress.", registry=own)
        self.uploads = Counter("img402_uploads", "Uploads answered 200, replays included.", ["kind"], registry=own)
        self.refusals = Counter("img402_refusals", "Answers of 400 and more.", ["code"], registry=own)
        self.payments = Counter("img402_payments", "Settlements tried.", ["outcome"], registry=own)
        self._removed = Counter("img402_cleanup_removed", "Expired images and orphans removed.", ["what"], registry=own)

    async def page(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The application that answers with all series, at any path."""
        try:
            await self._usage.sum_up()
            await self._page(scope, receive, send)
        except Exception:  # noqa: BLE001  # of whichever series
            _log.exception("the metrics could not be served")
            failed = problem(500, "internal_error", "The metrics could not be read; the reason is in the host's log.")
            await failed(scope, receive, send)

    def settled(self, outcome: str) -> None:
        self.payments.labels(outcome).inc()

    def cleaned_up(self, report: CleanupReport) -> None:
        self._removed.labels("expired").inc(report.expired)
        self._removed.labels("orphans").inc(report.orphans)

    def answered(self, scope: Scope, answered: Answered) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "other"
        route = getattr(scope.get("route"), "path", "none")
        self.requests.labels(method, route, str(answered.status)).inc()
        self.seconds.labels(method, route).observe(answered.seconds)
        self.received.inc(answered.received)
        self.sent.inc(answered.sent)
        if answered.status >= 400:
            self.refusals.labels(scope.get(CODE, "other")).inc()
        elif method in {"POST", "PUT"} and route in self._kinds:
            self.uploads.labels(self._kinds[route]).inc()


@contextmanager
def serving(metrics: Metrics, address: tuple[str, int]) -> Iterator[str]:
    """Yields the address where they can be read. A thread answers, so that a busy host can be observed too."""
    host, port = address
    try:
        listener = create_server(address, family=AF_INET6 if ":" in host else AF_INET)
    except OSError as error:
        raise SettingsError(
            f"The metrics cannot listen on {host} port {port} ({error}). Each process needs its own port: "
            "change IMG402_HOST_METRICS."
        ) from error
    bounds = connections(READERS)
    server = Server(Config(metrics.page, interface="asgi3", http=bounds, ws="none", lifespan="off", log_config=None))
    thread = Thread(target=server.run, args=([listener],), name="metrics", daemon=True)
    thread.start()
    try:
        yield f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}/metrics"
    finally:
        server.should_exit = True
        thread.join()


class _UsageCollector(Collector):
    """The sums are made apart from the scrape, so a missing or hanging database does not affect the other series."""

    def __init__(self, database: Database) -> None:
        self._database, self._thread = database, ThreadPoolExecutor(1, "stored-usage")
        self._usage: Sequence[StoredUsage] = ()
        self._until = float("-inf")

    def collect(self) -> Iterator[Any]:
        """No series where the sums are not available."""
        images = GaugeMetricFamily("img402_stored_images", "Images stored.", labels=["kind"])
        size = GaugeMetricFamily("img402_stored_bytes", "Bytes of the stored images.", labels=["kind"])
        found = self._usage if self._is_fresh() else ()
        for it in found:
            images.add_metric([it.kind], it.images)
            size.add_metric([it.kind], it.size_bytes)
        up = GaugeMetricFamily("img402_stored_up", "1: the sums of stored images are available.", value=bool(found))
        return iter((images, size, up))

    async def sum_up(self) -> None:
        """Waits for the sums, but not for long. They are made one at a time, however many ask."""
        with move_on_after(USAGE_TIMEOUT):
            await get_running_loop().run_in_executor(self._thread, self._sum_up)

    def _sum_up(self) -> None:
        if self._is_fresh():
            return
        try:
            self._usage, self._until = stored_usage(self._database), time.monotonic() + USAGE_LIFE
        except OUT_OF_REACH:
            _log.warning("the sums for the metrics are not available", exc_info=True)

    def _is_fresh(self) -> bool:
        return time.monotonic() < self._until
