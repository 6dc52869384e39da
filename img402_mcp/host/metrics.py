"""What Prometheus is told, on a port of its own. Imported only where it is asked for.

Labels have few values: routes as they stand in the route table, never a path, an id or an address.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    start_http_server,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from img402_mcp.errors import SettingsError
from img402_mcp.host.index import Index
from img402_mcp.host.quota import Kept, kept
from img402_mcp.host.refusals import CODE
from img402_mcp.host.sweeping import Swept

# When each series began, as a series of its own: twice as many for what nobody asks.
disable_created_metrics()  # type: ignore[no-untyped-call]  # the library has no types for it

# From a hot GET's half millisecond to a large body over a slow line.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
KEPT_LIFE = 60  # seconds; a sum over all rows, however often somebody looks
_METHODS = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"}
_KINDS = {"/api/free": "free", "/api/upload": "paid", "/uploads/{key}": "submission", "/v1/uploads": "input"}


class Metrics:
    def __init__(self, index: Index) -> None:
        self.registry = own = CollectorRegistry()
        ProcessCollector(registry=own)
        own.register(_KeptCollector(index))
        where = ["method", "route"]
        self.requests = Counter("img402_requests", "Requests answered.", [*where, "status"], registry=own)
        self.seconds = Histogram(
            "img402_request_seconds", "From head to end of the answer.", where, buckets=BUCKETS, registry=own
        )
        self.received = Counter("img402_received_bytes", "Bytes of bodies read.", registry=own)
        self.sent = Counter("img402_sent_bytes", "Bytes of bodies sent.", registry=own)
        self.in_flight = Gauge("img402_requests_in_flight", "Requests in hand.", registry=own)
        self.uploads = Counter("img402_uploads", "Uploads answered 200, replays too.", ["kind"], registry=own)
        self.refusals = Counter("img402_refusals", "Answers of 400 and more.", ["code"], registry=own)
        self.payments = Counter("img402_payments", "Settlements tried.", ["outcome"], registry=own)
        self._swept = Counter("img402_swept", "Images and orphans removed by sweeps.", ["what"], registry=own)

    def settled(self, outcome: str) -> None:
        self.payments.labels(outcome).inc()

    def swept(self, swept: Swept) -> None:
        self._swept.labels("expired").inc(swept.expired)
        self._swept.labels("orphans").inc(swept.orphans)

    def answered(self, scope: Scope, exchange: "_Exchange", seconds: float) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "other"
        route = getattr(scope.get("route"), "path", "none")
        self.requests.labels(method, route, str(exchange.status)).inc()
        self.seconds.labels(method, route).observe(seconds)
        self.received.inc(exchange.received)
        self.sent.inc(exchange.sent)
        if exchange.status >= 400:
            self.refusals.labels(scope.get(CODE, "other")).inc()
        elif method in {"POST", "PUT"} and route in _KINDS:
            self.uploads.labels(_KINDS[route]).inc()


@contextmanager
def serving(metrics: Metrics, address: tuple[str, int]) -> Iterator[str]:
    """Yields the address that it can be read at. A thread answers, so that a busy host is seen too."""
    host, port = address
    try:
        server, thread = start_http_server(port, host, metrics.registry)
    except OSError as error:
        raise SettingsError(
            f"The metrics cannot listen on {host} port {port} ({error}). Each process needs a port of its own: "
            "change IMG402_HOST_METRICS."
        ) from error
    try:
        yield f"http://{f'[{host}]' if ':' in host else host}:{server.server_port}/metrics"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Measured:
    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange, start = _Exchange(receive, send), time.perf_counter()
        with self._metrics.in_flight.track_inprogress():
            try:
                await self._app(scope, exchange.receive, exchange.send)
            finally:
                self._metrics.answered(scope, exchange, time.perf_counter() - start)


class _Exchange:
    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self.status, self.received, self.sent = 500, 0, 0

    async def receive(self) -> Message:
        message = await self._receive()
        self.received += len(message.get("body", b""))
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        self.sent += len(message.get("body", b""))
        await self._send(message)


class _KeptCollector(Collector):
    def __init__(self, index: Index) -> None:
        self._index, self._lock = index, Lock()
        self._kept: Sequence[Kept] = ()
        self._until = float("-inf")

    def collect(self) -> Iterator[Any]:
        images = GaugeMetricFamily("img402_kept_images", "Images kept.", labels=["kind"])
        size = GaugeMetricFamily("img402_kept_bytes", "Bytes of the images kept.", labels=["kind"])
        for it in self._summed_up():
            images.add_metric([it.kind], it.images)
            size.add_metric([it.kind], it.size_bytes)
        return iter((images, size))

    def describe(self) -> Iterator[Any]:
        """Registered without a look into the database."""
        return iter(())

    def _summed_up(self) -> Sequence[Kept]:
        with self._lock:
            if self._until <= time.monotonic():
                self._kept, self._until = kept(self._index), time.monotonic() + KEPT_LIFE
            return self._kept
