"""Schemathesis reads openapi.json and sends what it allows and what it forbids, with credentials, to the whole host."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

SCHEMATHESIS = "schemathesis==4.32.5"
PAYEE = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
SUBMISSION = "/api/agents/projects/{project_id}/submissions/{submission_id}"
# Everything is switched on, and no limit ends the run before its time.
EVERYTHING = {
    "IMG402_HOST_PAY_TO": PAYEE,
    "IMG402_HOST_FACILITATOR": "play",
    **{
        f"IMG402_HOST_{name}": "0"
        for name in (
            "FREE_DAILY",
            "FREE_DAILY_PER_ADDRESS",
            "IO42_HOURLY",
            "IO42_HOURLY_ALL",
            "STUDIO_HOURLY",
            "STUDIO_HOURLY_ALL",
        )
    },
}
VALID = ["2xx", "3xx", "401", "403", "404", "409", "429", "5xx"]
INVALID = ["400", "401", "403", "404", "405", "406", "409", "411", "413", "415", "422", "428", "429"]
BEYOND_SCHEMAS: dict[str, tuple[list[str], list[str]]] = {
    "POST /api/free": (["400"], []),  # bytes that are no image
    "POST /api/upload": (["400", "402"], ["402"]),  # the same; and whoever does not pay is told the price first
    "POST /api/upload/token": (["402"], ["402"]),
    "PUT /uploads/{key}": (["400"], []),  # other bytes than were promised
    "POST /v1/uploads": (["422"], []),  # bytes that are no image
}
"""Operation -> statuses for valid and for invalid requests that no schema can tell beforehand."""


@pytest.fixture(scope="module")
def schemathesis(installed: Callable[..., Path]) -> dict[str, str]:
    """The environment in which it is found, with whatever it needs in its own versions."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    return os.environ | {"PYTHONPATH": str(installed(SCHEMATHESIS, [*pip, "--target", "{}", SCHEMATHESIS]))}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("host")


@pytest.fixture(scope="module")
def whole_host(running: Any, data: Path) -> Iterator[str]:
    with running(["-m", "img402_mcp", "host", "--port", "0", "--data", data], EVERYTHING) as url:
        yield url


@pytest.fixture(scope="module")
def admin(data: Path) -> Callable[..., dict[str, Any]]:
    def run(*words: str) -> dict[str, Any]:
        command = [sys.executable, "-m", "img402_mcp", "host", "admin", *words, "--data", str(data), "--json"]
        told: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        return told

    return run


@pytest.fixture(scope="module")
def configuration(whole_host: str, admin: Callable[..., dict[str, Any]], screenshot: Path) -> str:
    """Credentials, ids that exist, URLs that are signed: so that the requests come further than the door."""
    key = admin("agents", "add", "bot")["key"]
    token = admin("tokens", "add", "app")["token"]
    admin("projects", "add", "logos")
    for submission in ("waiting", "promised"):
        admin("submissions", "add", submission, "--project", "logos", "--agent", "bot")
    put = signed_put(whole_host + SUBMISSION.format(project_id="logos", submission_id="promised"), key)
    preview = signed_preview(f"{whole_host}/v1/uploads", token, screenshot)
    known = {
        f"POST {SUBMISSION}": {"path.project_id": "logos", "path.submission_id": "waiting"},
        "PUT /uploads/{key}": parameters(put),
        "GET /previews/{key}": parameters(preview),
    }
    lines = [f'[auth.openapi.io42Key]\nbearer = "{key}"', f'[auth.openapi.studioToken]\nbearer = "{token}"']
    for name in known | BEYOND_SCHEMAS:
        valid, invalid = BEYOND_SCHEMAS.get(name, ([], []))
        lines += [
            "[[operations]]",
            f'include-name = "{name}"',
            f"checks.positive_data_acceptance.expected-statuses = {json.dumps(VALID + valid)}",
            f"checks.negative_data_rejection.expected-statuses = {json.dumps(INVALID + invalid)}",
            *(f'parameters."{parameter}" = {json.dumps(value)}' for parameter, value in known.get(name, {}).items()),
        ]
    return "\n".join(lines) + "\n"


def signed_put(submission: str, key: str) -> httpx2.URL:
    intent = {"fileName": "logo.png", "fileType": "image/png", "fileSize": 1000}
    answer = httpx2.post(submission, json=intent, headers={"Authorization": f"Bearer {key}"})
    return httpx2.URL(answer.json()["data"]["uploadUrl"])


def signed_preview(uploads: str, token: str, image: Path) -> httpx2.URL:
    bearer = {"Authorization": f"Bearer {token}"}
    answer = httpx2.post(uploads, files={"file": image.read_bytes()}, headers=bearer)
    return httpx2.URL(answer.json()["image_url"])


def parameters(url: httpx2.URL) -> dict[str, str]:
    query = {f"query.{name}": value for name, value in url.params.items()}
    return {"path.key": url.path.rpartition("/")[2], **query}


def test_the_host_keeps_to_its_own_description(
    schemathesis: dict[str, str], whole_host: str, configuration: str, tmp_path: Path
) -> None:
    (tmp_path / "schemathesis.toml").write_text(configuration)
    options = ["--checks", "all", "--max-examples", "25", "--seed", "402", "--no-color"]
    told = subprocess.run(
        [sys.executable, "-m", "schemathesis.cli", "run", f"{whole_host}/openapi.json", *options],
        cwd=tmp_path,
        env=schemathesis,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr
    assert "Operations:       8 selected / 8 total" in told.stdout
    assert "Authentication failed" not in told.stdout
    assert "Missing test data" not in told.stdout
