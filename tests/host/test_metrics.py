"""What the host tells of itself to those who run it: health, metrics, log lines, the settings at its start."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import httpx2
import pytest
from httpx2 import ASGITransport, AsyncClient
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from img402_mcp.errors import SettingsError
from img402_mcp.host.app import create_app
from img402_mcp.host.facilitators.base import Rejected, Settled, Undecided
from img402_mcp.host.facilitators.counting import WORDS
from img402_mcp.host.metrics import Metrics, serving
from img402_mcp.host.settings import HostSettings, host_settings
from img402_mcp.host.shown_settings import shown
from img402_mcp.host.sweeping import Swept

Sample = Callable[[str], bytes]
Hosting = Callable[..., AbstractAsyncContextManager[AsyncClient]]
ON = {"IMG402_HOST_METRICS": "127.0.0.1:9402"}


def told(metrics: Metrics, name: str) -> dict[tuple[str, ...], float]:
    """The values of one series by their labels."""
    families = text_string_to_metric_families(generate_latest(metrics.registry).decode())
    samples = (sample for family in families for sample in family.samples)
    return {tuple(it.labels.values()): it.value for it in samples if it.name == name}


async def test_requests_are_counted_by_route_and_never_by_path(settings: Callable[..., HostSettings], sample: Sample):
    app = create_app(settings(**ON))
    async with AsyncClient(transport=ASGITransport(app), base_url="https://i.example") as client:
        url = (await client.post("/api/free", files={"image": sample("plain.png")})).json()["url"]
        await client.get(url)
        await client.post("/api/free", files={"image": b"no image" * 20})
        await client.get("/aaaaaaaaaaaaa.png")
        await client.get("/some/where/else")
        await client.request("BREW", "/healthz")
    metrics: Metrics = app.state.metrics
    assert told(metrics, "img402_requests_total") == {
        ("POST", "/api/free", "200"): 1,
        ("POST", "/api/free", "400"): 1,
        ("GET", "/{name}", "200"): 1,
        ("GET", "/{name}", "404"): 1,
        ("GET", "none", "404"): 1,
        ("other", "/healthz", "405"): 1,
    }
    assert told(metrics, "img402_refusals_total") == {
        ("unsupported_format",): 1,
        ("not_found",): 2,
        ("method_not_allowed",): 1,
    }
    assert told(metrics, "img402_uploads_total") == {("free",): 1}
    assert told(metrics, "img402_kept_bytes") == {("free",): 1217, ("paid",): 0, ("private",): 0}
    assert told(metrics, "img402_request_seconds_count")["GET", "/{name}"] == 2
    assert told(metrics, "img402_received_bytes_total")[()] > 1217
    assert told(metrics, "img402_sent_bytes_total")[()] > 1217
    assert told(metrics, "img402_requests_in_flight") == {(): 0}


def test_payments_and_sweeps_are_counted_by_what_became_of_them(settings: Callable[..., HostSettings]):
    metrics: Metrics = create_app(settings(**ON)).state.metrics
    for outcome in (Settled(), Settled(), Rejected("no"), Undecided("?")):
        metrics.settled(WORDS[type(outcome)])
    metrics.swept(Swept(expired=3, orphans=1))
    assert told(metrics, "img402_payments_total") == {("settled",): 2, ("refused",): 1, ("undecided",): 1}
    assert told(metrics, "img402_swept_total") == {("expired",): 3, ("orphans",): 1}


def test_a_port_that_is_taken_is_explained(settings: Callable[..., HostSettings]):
    metrics: Metrics = create_app(settings(**ON)).state.metrics
    with serving(metrics, ("127.0.0.1", 0)) as address:
        port = httpx2.URL(address).port
        assert "img402_kept_images" in httpx2.get(address).text
        with (
            pytest.raises(SettingsError, match="Each process needs a port of its own"),
            serving(metrics, ("127.0.0.1", port or 0)),
        ):
            pass


async def test_without_the_setting_nothing_is_counted_and_no_route_tells(client: AsyncClient):
    assert (await client.get("/metrics")).status_code == 404


@pytest.mark.parametrize("trouble", ["database", "store"])
async def test_readyz_names_the_part_and_healthz_lives_on(
    client: AsyncClient, data: Path, clock: SimpleNamespace, trouble: str
):
    assert (await client.get("/readyz")).json() == {"status": "ok"}
    part = {"database": data / "index.sqlite", "store": data / "blobs" / "kept"}[trouble]
    part.rename(part.with_name("away"))
    assert (await client.get("/readyz")).status_code == 200  # for some seconds what was found holds
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


async def test_a_full_host_is_ready_to_be_looked_at(hosting: Hosting):
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


def test_the_settings_are_shown_without_what_is_secret(tmp_path: Path):
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
    """The host as it is started by a person: `.url`, `.process`, `.line(part)` of its log, the next."""
    command = [sys.executable, "-m", "img402_mcp", "host", "--port", "0", "--data", str(tmp_path / "data")]
    environ = os.environ | {"IMG402_HOST_METRICS": "127.0.0.1:0", "IMG402_HOST_DRAIN_SECONDS": "30"}
    with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as process:
        output = process.stderr
        assert output is not None
        url = output.readline().split(" is at ")[1].split(",")[0]
        yield SimpleNamespace(
            url=url,
            process=process,
            line=lambda part: next(line for line in output if part in line).strip(),
            data=tmp_path / "data",
        )
        process.kill()


def test_told_to_stop_it_first_says_so_and_serves_on_and_a_second_word_ends_it(
    program: SimpleNamespace, sample: Sample
):
    assert json.loads(program.line("settings"))["settings"]["upkeep.drain"] == 30
    assert "img402_requests_in_flight 0.0" in httpx2.get(program.line(" are at ").split(" are at ")[1]).text
    ready = [httpx2.get(f"{program.url}/readyz").status_code]
    program.process.send_signal(signal.SIGTERM)
    while (answer := httpx2.get(f"{program.url}/readyz")).status_code == 200:
        pass
    uploaded = httpx2.post(f"{program.url}/api/free", files={"image": sample("plain.png")})
    assert (ready, answer.status_code, answer.json()["message"]) == ([200], 503, "The host is about to stop.")
    assert uploaded.status_code == 200
    program.process.send_signal(signal.SIGTERM)
    assert program.process.wait(timeout=10) in {0, -signal.SIGTERM}


def test_every_line_of_the_log_is_json_and_a_failures_line_names_its_request(program: SimpleNamespace, sample: Sample):
    (program.data / "blobs" / "incoming").rename(program.data / "away")
    failed = httpx2.post(f"{program.url}/api/free", files={"image": sample("plain.png")})
    failure = json.loads(program.line("host.failures"))
    access = json.loads(program.line("POST"))
    assert failed.status_code == 500
    assert failure["exception"].startswith("Traceback")
    assert (failure["level"], failure["logger"], failure["message"]) == (
        "error",
        "img402_mcp.host.failures",
        "an upload failed",
    )
    ids = {failure["request_id"], access["request_id"], failed.headers["x-request-id"]}
    assert (len(ids), access["error"]) == (1, "upload_failed")
