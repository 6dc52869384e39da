"""What the host reports to its operator: health, metrics, log lines, the settings at start."""

import json
import os
import re
import signal
import socket
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import anyio
import httpx2
import pytest
from httpx2 import ASGITransport, AsyncClient
from prometheus_client import Gauge
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from img402_mcp.errors import SettingsError
from img402_mcp.host.app import create_app
from img402_mcp.host.cleanup import CleanupReport
from img402_mcp.host.http.connection_limits import SHARE
from img402_mcp.host.observability.health import Health
from img402_mcp.host.observability.metrics import READERS, Metrics, serving
from img402_mcp.host.payments.facilitators.base import Rejected, Settled, Unknown
from img402_mcp.host.payments.paywall import WORDS
from img402_mcp.host.settings import HostSettings, host_settings
from img402_mcp.host.settings.shown import shown
from tests.fakes.fixtures import Hosting, Sample
from tests.fakes.program import started

ON = {"IMG402_HOST_METRICS": "127.0.0.1:9402"}


async def samples_of(metrics: Metrics, name: str) -> dict[tuple[str, ...], float]:
    """The values of one series by their labels, as they are served."""
    async with AsyncClient(transport=ASGITransport(metrics.page), base_url="http://metrics") as client:
        families = text_string_to_metric_families((await client.get("/metrics")).text)
    samples = (sample for family in families for sample in family.samples)
    return {tuple(it.labels.values()): it.value for it in samples if it.name == name}


@pytest.fixture
async def app(settings: Callable[..., HostSettings]) -> AsyncIterator[Starlette]:
    """A host that counts, while it runs."""
    app = create_app(settings(**ON))
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
def metrics(app: Starlette) -> Metrics:
    counted: Metrics = app.state.metrics
    return counted


async def test_requests_are_counted_by_route_and_never_by_path(app: Starlette, metrics: Metrics, sample: Sample):
    async with AsyncClient(transport=ASGITransport(app), base_url="https://i.example") as client:
        url = (await client.post("/api/free", files={"image": sample("plain.png")})).json()["url"]
        await client.get(url)
        await client.post("/api/free", files={"image": b"no image" * 20})
        await client.get("/aaaaaaaaaaaaa.png")
        await client.get("/some/where/else")
        await client.request("BREW", "/healthz")
    assert await samples_of(metrics, "img402_requests_total") == {
        ("POST", "/api/free", "200"): 1,
        ("POST", "/api/free", "400"): 1,
        ("GET", "/{name}", "200"): 1,
        ("GET", "/{name}", "404"): 1,
        ("GET", "none", "404"): 1,
        ("other", "/healthz", "405"): 1,
    }
    assert await samples_of(metrics, "img402_refusals_total") == {
        ("unsupported_format",): 1,
        ("not_found",): 2,
        ("method_not_allowed",): 1,
    }
    assert await samples_of(metrics, "img402_uploads_total") == {("free",): 1}
    assert await samples_of(metrics, "img402_stored_bytes") == {("free",): 1217, ("paid",): 0, ("private",): 0}
    assert (await samples_of(metrics, "img402_request_seconds_count"))["GET", "/{name}"] == 2
    assert (await samples_of(metrics, "img402_received_bytes_total"))[()] > 1217
    assert (await samples_of(metrics, "img402_sent_bytes_total"))[()] > 1217
    assert await samples_of(metrics, "img402_requests_in_flight") == {(): 0}


async def test_payments_and_cleanups_are_counted_by_their_outcome(metrics: Metrics):
    for outcome in (Settled(), Settled(), Rejected("no"), Unknown("?")):
        metrics.settled(WORDS[type(outcome)])
    metrics.cleaned_up(CleanupReport(expired=3, orphans=1))
    assert await samples_of(metrics, "img402_payments_total") == {("settled",): 2, ("refused",): 1, ("undecided",): 1}
    assert await samples_of(metrics, "img402_cleanup_removed_total") == {("expired",): 3, ("orphans",): 1}


async def test_a_port_that_is_taken_is_explained(metrics: Metrics):
    with serving(metrics, ("127.0.0.1", 0)) as address:
        port = httpx2.URL(address).port
        assert "img402_stored_images" in httpx2.get(address).text
        with (
            pytest.raises(SettingsError, match="Each process needs its own port"),
            serving(metrics, ("127.0.0.1", port or 0)),
        ):
            pass


async def test_what_fails_while_metrics_are_served_is_in_the_log(metrics: Metrics, caplog: pytest.LogCaptureFixture):
    Gauge("failing", "A number that cannot be read.", registry=metrics.registry).set_function(lambda: float("x"))
    with serving(metrics, ("127.0.0.1", 0)) as address:
        answer = httpx2.get(address)
    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert (answer.status_code, answer.json()["error"]) == (500, "internal_error")
    assert (record.getMessage(), repr(record.exc_info[1]) if record.exc_info else "") == (
        "the metrics could not be served",
        """ValueError("could not convert string to float: 'x'")""",
    )


async def test_without_the_setting_nothing_is_counted_and_no_route_serves_metrics(client: AsyncClient):
    assert (await client.get("/metrics")).status_code == 404


@pytest.mark.parametrize("trouble", ["database", "store"])
async def test_readyz_names_the_failing_part_and_healthz_stays_up(
    client: AsyncClient, data: Path, clock: SimpleNamespace, trouble: str
):
    assert (await client.get("/readyz")).json() == {"status": "ok"}
    part = {"database": data / "index.sqlite", "store": data / "blobs" / "kept"}[trouble]
    part.rename(part.with_name("away"))
    assert (await client.get("/readyz")).status_code == 200  # the result is reused for some seconds
    clock.now += timedelta(seconds=6)
    refused, alive = await client.get("/readyz"), await client.get("/healthz")
    what = {"database": "reach its database", "store": "write to its store"}[trouble]
    assert (refused.status_code, refused.headers["retry-after"], refused.json()) == (
        503,
        "5",
        {"error": "not_ready", "message": f"The host cannot {what}."},
    )
    assert alive.status_code == 200
    part.with_name("away").rename(part)
    clock.now += timedelta(seconds=6)
    assert (await client.get("/readyz")).status_code == 200


async def test_a_full_host_is_still_ready(hosting: Hosting):
    async with hosting(IMG402_HOST_MIN_FREE_BYTES=str(1 << 60)) as client:
        assert (await client.get("/readyz")).status_code == 200


@pytest.mark.parametrize(
    ("trusted", "given", "taken"),
    [
        pytest.param("127.0.0.1", "abc-123", True, id="from-a-trusted-proxy"),
        pytest.param("10.0.0.1", "abc-123", False, id="from-anybody"),
        pytest.param("127.0.0.1", "a b\u00ff", False, id="not-printable"),
        pytest.param("127.0.0.1", "a" * 65, False, id="too-long"),
    ],
)
async def test_a_request_has_an_id_which_only_a_trusted_proxy_chooses(hosting: Hosting, trusted, given, taken):
    async with hosting(IMG402_HOST_TRUSTED_PROXIES=trusted) as client:
        answer = (await client.get("/healthz", headers={"X-Request-Id": given.encode("latin-1")})).headers
    assert (answer["x-request-id"] == given) == taken
    assert taken or re.fullmatch("[0-9a-f]{16}", answer["x-request-id"])


def test_the_settings_are_shown_without_secrets(tmp_path: Path):
    environ = {
        "IMG402_HOST_DATABASE": "postgresql://me:hunter2@db/x?sslpassword=hunter2",
        "IMG402_HOST_SECRET": "hunter2" * 8,
        "IMG402_HOST_PAY_TO": "0x" + "1" * 40,
        "IMG402_HOST_FACILITATOR_URL": "https://pay.example/hunter2?key=hunter2",
        "IMG402_HOST_RPC_URL": "https://node.example/hunter2",
    }
    said = shown(host_settings(environ, data=tmp_path, public_url="https://i.example/pictures"))
    assert "hunter2" not in json.dumps(said)
    assert {name: said[name] for name in ("database", "secret", "paid.facilitator_url", "paid.rpc_url")} == {
        "database": "postgresql+psycopg://me:***@db/x",
        "secret": "set, not shown",
        "paid.facilitator_url": "https://pay.example",
        "paid.rpc_url": "set, not shown",
    }
    assert (said["public_url"], said["free.days"], said["upkeep.delete_urls"]) == (
        "https://i.example/pictures",
        7,
        True,
    )


@pytest.fixture
def program(tmp_path: Path) -> Iterator[SimpleNamespace]:
    """The host as a person starts it: `.url`, `.process`, `.line(part)`: the next such line of its log."""
    environ = os.environ | {"IMG402_HOST_METRICS": "127.0.0.1:0", "IMG402_HOST_DRAIN_SECONDS": "30"}
    with started("host", "--port", 0, "--data", tmp_path / "data", environ=environ) as process:
        url = process.stdout.readline().split(" is at ")[1].split(",")[0]
        yield SimpleNamespace(
            url=url,
            process=process,
            line=lambda part: next(line for line in process.stdout if part in line).strip(),
            data=tmp_path / "data",
        )
        process.terminate()  # the first signal drains, and the second one ends it


def test_after_the_first_signal_it_reports_not_ready_and_serves_on_and_a_second_one_ends_it(
    program: SimpleNamespace, sample: Sample
):
    assert json.loads(program.line("settings"))["settings"]["upkeep.drain"] == 30
    assert (
        "img402_requests_in_flight 0.0" in httpx2.get(program.line(" are at ").split(" are at ")[1].split('"')[0]).text
    )
    ready = [httpx2.get(f"{program.url}/readyz").status_code]
    program.process.send_signal(signal.SIGTERM)
    while (answer := httpx2.get(f"{program.url}/readyz")).status_code == 200:
        pass
    uploaded = httpx2.post(f"{program.url}/api/free", files={"image": sample("plain.png")})
    assert (ready, answer.status_code, answer.json()["message"]) == ([200], 503, "The host is about to stop.")
    assert uploaded.status_code == 200
    program.process.send_signal(signal.SIGTERM)
    assert program.process.wait(timeout=10) in {0, -signal.SIGTERM}


def test_every_log_line_is_json_and_a_failures_line_names_its_request(program: SimpleNamespace, sample: Sample):
    (program.data / "blobs" / "kept").rename(program.data / "away")
    (program.data / "index.sqlite").rename(program.data / "index.away")
    address = json.loads(program.line("metrics are at"))["message"].removeprefix("metrics are at ")
    scraped = httpx2.get(address)
    with socket.create_connection((httpx2.URL(address).host, httpx2.URL(address).port)) as rude:
        rude.sendall(b"no request\r\n\r\n")
    failed = httpx2.post(f"{program.url}/api/free", files={"image": sample("plain.png")})
    program.process.send_signal(signal.SIGINT)
    program.process.send_signal(signal.SIGTERM)
    lines = [json.loads(line) for line in program.process.stdout]
    failure, access = (next(it for it in lines if key in it) for key in ("exception", "path"))
    assert (scraped.status_code, failed.status_code, access["error"]) == (200, 500, "upload_failed")
    assert failure["exception"].startswith("Traceback")
    failure = next(it for it in lines if it.get("message") == "an upload failed")
    assert (failure["level"], failure["logger"]) == ("error", "img402_mcp.host.failures")
    assert {failure["request_id"], access["request_id"]} == {failed.headers["x-request-id"]}


async def test_an_internal_failure_has_an_id_and_is_counted(app: Starlette, metrics: Metrics):
    async def fail(_request: Request) -> Response:
        raise RuntimeError

    app.router.routes.insert(0, Route("/fails", fail))
    transport = ASGITransport(app, raise_app_exceptions=False)
    async with AsyncClient(transport=transport, base_url="https://i.example") as client:
        answer = await client.get("/fails")
    assert (answer.status_code, answer.json()["error"]) == (500, "internal_error")
    assert re.fullmatch("[0-9a-f]{16}", answer.headers["x-request-id"])
    assert await samples_of(metrics, "img402_refusals_total") == {("internal_error",): 1}


async def test_while_the_database_is_away_the_other_series_are_served(metrics: Metrics, data: Path):
    (data / "index.sqlite").rename(data / "away")
    assert await samples_of(metrics, "img402_stored_up") == {(): 0}
    assert await samples_of(metrics, "img402_stored_bytes") == {}
    assert await samples_of(metrics, "img402_requests_in_flight") == {(): 0}
    (data / "away").rename(data / "index.sqlite")
    assert await samples_of(metrics, "img402_stored_up") == {(): 1}
    assert await samples_of(metrics, "img402_stored_bytes") == {("free",): 0, ("paid",): 0, ("private",): 0}


class SilentDatabase:
    """A database that answers nothing until it is released."""

    def __init__(self) -> None:
        self.end, self.looks, self.answers = threading.Event(), 0, 0

    def reading(self) -> AbstractContextManager[Any]:
        self.looks += 1
        self.end.wait(20)
        self.answers += 1
        raise OSError


async def test_while_the_database_hangs_the_other_series_are_served_and_it_is_asked_once():
    database = SilentDatabase()
    metrics = Metrics(cast("Any", database), {})
    ups = [await samples_of(metrics, "img402_stored_up") for _ in range(2)]
    assert (ups, database.looks, database.answers) == ([{(): 0}] * 2, 1, 0)
    database.end.set()


async def test_many_silent_connections_to_the_metrics_cost_few_threads(metrics: Metrics):
    before = threading.active_count()
    with serving(metrics, ("127.0.0.1", 0)) as address, ExitStack() as stack:
        where = (httpx2.URL(address).host, httpx2.URL(address).port or 0)
        silent = [stack.enter_context(socket.create_connection(where, timeout=5)) for _ in range(40)]
        last_to_give_way = silent[-1 - READERS.connections // SHARE]
        assert last_to_give_way.recv(1) == b""  # so each was accepted by then
        assert threading.active_count() - before <= 1
        assert "img402_stored_up 1.0" in httpx2.get(address).text  # the silent ones keep nobody out


class Stuck:
    """A store whose writes hang until it is released."""

    def __init__(self, spool: Path) -> None:
        self.spool, self.end, self.writes = spool, threading.Event(), 0

    def put(self, name: str, content: Path) -> None:  # noqa: ARG002  # the interface's
        self.writes += 1
        self.end.wait(20)


async def test_a_store_that_hangs_is_named_again_and_again_and_the_database_is_not_blamed(
    tmp_path: Path, clock: SimpleNamespace
):
    store = Stuck(tmp_path)
    host = SimpleNamespace(images=SimpleNamespace(check=lambda: None), blobs=store, now=lambda: clock.now)
    health = Health(cast("Any", host), timeout=0.5)
    troubles = []
    for _ in range(3):
        troubles.append(await health.trouble())
        clock.now += timedelta(seconds=6)
    store.end.set()
    assert troubles == ["The host cannot write to its store: no answer within 0.5 seconds."] * 3
    assert store.writes == 1  # the look that hangs is waited for; further ones would be further threads
    assert (await health.trouble(), store.writes) == ("", 2)


async def test_while_uploads_wait_for_the_rows_images_are_served_and_the_host_is_ready(
    hosting: Hosting, sample: Sample, data: Path
):
    async with hosting(IMG402_HOST_DATABASE=f"sqlite:///{data}/index.sqlite?timeout=20") as client:
        url = (await client.post("/api/free", files={"image": sample("plain.png")})).json()["url"]
        order: list[str] = []
        both = anyio.Event()

        async def ask(what: str, path: str) -> None:
            await client.get(path)
            order.append(what)
            if {"image", "ready"} <= {*order}:
                both.set()

        async def upload() -> None:
            await client.post("/api/free", files={"image": sample("plain.png")})
            order.append("upload")

        with closing(sqlite3.connect(data / "index.sqlite", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            async with anyio.create_task_group() as tasks:
                for _ in range(45):
                    tasks.start_soon(upload)
                await anyio.wait_all_tasks_blocked()
                tasks.start_soon(ask, "image", url)
                tasks.start_soon(ask, "ready", "/readyz")
                await both.wait()
                other.execute("ROLLBACK")
    assert sorted(order[:2]) == ["image", "ready"]
