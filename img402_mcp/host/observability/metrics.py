"""Metrics for Prometheus, on a separate port. Imported only where they are switched on.

Labels have few values: routes as in the route table, never a path, an id or an address.
"""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import TextIOBase
from socket import AF_INET, AF_INET6, AddressFamily
from threading import BoundedSemaphore, Lock, Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    make_wsgi_app,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import ThreadingWSGIServer
from prometheus_client.registry import Collector
from starlette.types import Scope

from img402_mcp.errors import SettingsError
from img402_mcp.host.cleanup import CleanupReport
from img402_mcp.host.db.database import Database
from img402_mcp.host.errors import CODE, OUT_OF_REACH
from img402_mcp.host.observability.access_log import Answered
from img402_mcp.host.storage.quota import StoredUsage, stored_usage
from img402_mcp.wire.img402 import FREE, PAID

_log = logging.getLogger("img402_mcp.host.failures")

# Switches off the `_created` series: they would double the number, and nobody uses them.
disable_created_metrics()  # type: ignore[no-untyped-call]  # the library has no types for it

# From half a millisecond for a cached GET to a large body over a slow line.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
USAGE_LIFE = 60  # seconds for which a sum over all rows is reused
USAGE_TIMEOUT = 2  # seconds; Prometheus waits for 10
READERS, READER_TIMEOUT = 8, 5  # at a time; seconds of silence
_METHODS = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"}


class Metrics:
    """`kinds`: the upload routes besides img402's, with the kind that each counts as."""

    def __init__(self, database: Database, kinds: Mapping[str, str]) -> None:
        self._kinds = {FREE: "free", PAID: "paid", **kinds}
        self.registry = own = CollectorRegistry()
        ProcessCollector(registry=own)
        own.register(_UsageCollector(database))
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
    family = AF_INET6 if ":" in host else AF_INET
    bound: type[_Server] = type("Bound", (_Server,), {"address_family": family})
    try:
        server = make_server(host, port, make_wsgi_app(metrics.registry), bound, _Handler)
    except OSError as error:
        raise SettingsError(
            f"The metrics cannot listen on {host} port {port} ({error}). Each process needs its own port: "
            "change IMG402_HOST_METRICS."
        ) from error
    thread = Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    try:
        yield f"http://{f'[{host}]' if ':' in host else host}:{server.server_port}/metrics"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingWSGIServer):
    """A few threads; further connections are closed."""

    request_queue_size = 64  # so that a further reader is refused and not left waiting
    address_family: AddressFamily = AF_INET

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # the library's
        super().__init__(*args, **kwargs)
        self._readers = BoundedSemaphore(READERS)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401  # the library's
        if self._readers.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:  # noqa: ANN401  # the library's
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._readers.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401, ARG002  # the library's
        _log.debug("a client of the metrics closed the connection", exc_info=True)


class _Handler(WSGIRequestHandler):
    timeout = READER_TIMEOUT

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401  # the library's
        """Nothing: the access log is for the main port."""

    def get_stderr(self) -> Any:  # noqa: ANN401  # a stream
        return _ToLog()


class _ToLog(TextIOBase):
    """For the library's messages: every line of the log must be JSON."""

    def write(self, text: str) -> int:
        if text.strip():
            _log.error("the metrics could not be served: %s", text.strip())
        return len(text)


class _UsageCollector(Collector):
    """The sums are made apart from the scrape, so a missing or hanging database does not affect the other series."""

    def __init__(self, database: Database) -> None:
        self._database, self._lock = database, Lock()
        self._usage: Sequence[StoredUsage] = ()
        self._until = float("-inf")
        self._summing: Thread | None = None

    def collect(self) -> Iterator[Any]:
        images = GaugeMetricFamily("img402_stored_images", "Images stored.", labels=["kind"])
        size = GaugeMetricFamily("img402_stored_bytes", "Bytes of the stored images.", labels=["kind"])
        found = self._summed_up()
        for it in found:
            images.add_metric([it.kind], it.images)
            size.add_metric([it.kind], it.size_bytes)
        up = GaugeMetricFamily("img402_stored_up", "1: the sums of stored images are available.", value=bool(found))
        return iter((images, size, up))

    def describe(self) -> Iterator[Any]:
        """Registered without a look into the database."""
        return iter(())

    def _summed_up(self) -> Sequence[StoredUsage]:
        """No series where the sums are not available."""
        if not self._is_fresh():
            self._begun().join(USAGE_TIMEOUT)
        return self._usage if self._is_fresh() else ()

    def _begun(self) -> Thread:
        """One at a time, however many look."""
        with self._lock:
            if self._summing is None or not self._summing.is_alive():
                self._summing = Thread(target=self._sum_up, name="stored-usage", daemon=True)
                self._summing.start()
            return self._summing

    def _sum_up(self) -> None:
        try:
            self._usage, self._until = stored_usage(self._database), time.monotonic() + USAGE_LIFE
        except OUT_OF_REACH:
            _log.warning("the sums for the metrics are not available", exc_info=True)

    def _is_fresh(self) -> bool:
        return time.monotonic() < self._until
