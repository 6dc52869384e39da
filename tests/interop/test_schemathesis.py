"""Schemathesis reads openapi.json and sends what it allows and what it forbids, with credentials, to the whole host."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.fakes.keys import PAYEE

SCHEMATHESIS = "schemathesis==4.32.5"
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
    "POST /api/upload": (["402"], ["402"]),  # anyone who does not pay is told the price first
    "POST /api/upload/token": (["402"], ["402"]),
    "PUT /uploads/{key}": (["400"], []),  # other bytes than were promised, or another type
}
"""Operation -> statuses for valid and for invalid requests that no schema can tell beforehand."""


# No schema says what an image is.
HOOKS = """
import base64
import schemathesis
from hypothesis import strategies

PICTURE = {picture!r}
schemathesis.openapi.format("binary", strategies.just(PICTURE))
schemathesis.openapi.format("byte", strategies.just(base64.b64encode(PICTURE).decode()))
"""


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
        report: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        return report

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
        # Each an image of its own: what one has deleted is not there for another.
        **{
            f"{method} /delete/{{name}}": parameters(delete_url(f"{whole_host}/api/free", screenshot), "name")
            for method in ("GET", "POST", "DELETE")
        },
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


def delete_url(uploads: str, image: Path) -> httpx2.URL:
    return httpx2.URL(httpx2.post(uploads, files={"image": image.read_bytes()}).json()["deleteUrl"])


def parameters(url: httpx2.URL, last: str = "key") -> dict[str, str]:
    query = {f"query.{name}": value for name, value in url.params.items()}
    return {f"path.{last}": url.path.rpartition("/")[2], **query}


def test_the_host_keeps_to_its_own_description(
    schemathesis: dict[str, str], whole_host: str, configuration: str, screenshot: Path, tmp_path: Path
) -> None:
    (tmp_path / "schemathesis.toml").write_text('hooks = "hooks.py"\n' + configuration)
    (tmp_path / "hooks.py").write_text(HOOKS.format(picture=screenshot.read_bytes()))
    options = ["--checks", "all", "--max-examples", "25", "--seed", "402", "--no-color"]
    report = subprocess.run(
        [sys.executable, "-m", "schemathesis.cli", "run", f"{whole_host}/openapi.json", *options],
        cwd=tmp_path,
        env=schemathesis,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert report.returncode == 0, report.stdout + report.stderr
    assert "Operations:       11 selected / 11 total" in report.stdout
    # Three are ours; the others it infers, which lead to addresses that need a key.
    assert int(re.findall(r"API Links: +(\d+) covered", report.stdout)[0]) >= 3
    assert "Authentication failed" not in report.stdout
    assert "Missing test data" not in report.stdout
