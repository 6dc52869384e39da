"""How the host describes itself (openapi.json) and logs its requests."""

import ast
import json
import logging
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from httpx2 import AsyncClient

from img402_mcp.host.apis.io42 import submit
from img402_mcp.wire import io42
from img402_mcp.wire.img402 import LIMITS_KEY, FreeTerms, Limits
from tests.fakes.fixtures import Hosting
from tests.sources import tree_of


async def test_openapi_states_the_limits_in_force(hosting: Hosting):
    async with hosting(
        IMG402_HOST_FREE_DAYS="0", IMG402_HOST_FREE_MAX_BYTES="10", IMG402_HOST_FREE_DAILY="7"
    ) as client:
        document = (await client.get("/openapi.json")).json()
    assert Limits.model_validate_json(json.dumps(document[LIMITS_KEY])) == Limits(
        formats=("image/png", "image/jpeg", "image/gif", "image/webp"),
        free=FreeTerms(max_bytes=10, days=None, uploads_a_day=7, uploads_a_day_per_address=1000),
    )
    assert document["paths"]["/api/free"]["post"]["summary"] == "Upload an image of at most 10 bytes, kept forever."


async def test_openapi_describes_every_answer(client: AsyncClient):
    document = (await client.get("/openapi.json")).json()
    answers = document["paths"]["/api/free"]["post"]["responses"]
    assert (document["openapi"], document["servers"]) == ("3.1.0", [{"url": "https://i.example"}])
    assert {status: answer["description"] for status, answer in answers.items()} == {
        "200": "The image is public.",
        "400": "no_file, file_too_large, unsupported_format, empty_file",
        "429": "daily_limit, too_many",
        "500": "upload_failed",
        "507": "storage_full",
    }
    assert set(document["components"]["schemas"]["UploadedImage"]["properties"]) == {
        "url",
        "id",
        "contentType",
        "sizeBytes",
        "expiresAt",
        "deleteUrl",
    }


async def test_openapi_covers_io42_and_the_studio(client: AsyncClient):
    paths = (await client.get("/openapi.json")).json()["paths"]
    documented = {path: [*operations] for path, operations in paths.items()}
    assert documented == documented | {
        "/api/free": ["post"],
        "/api/agents/projects/{project_id}/submissions/{submission_id}": ["post"],
        "/uploads/{key}": ["put"],
        "/v1/uploads": ["post"],
        "/previews/{key}": ["get"],
        "/delete/{name}": ["get", "post", "delete"],
        "/{name}": ["get"],
    }


@pytest.mark.parametrize(
    "selling", [{}, {"IMG402_HOST_PAY_TO": f"0x{1:040x}", "IMG402_HOST_FACILITATOR": "play"}], ids=["free", "selling"]
)
async def test_every_reference_in_openapi_resolves(hosting: Hosting, selling: dict[str, str]):
    async with hosting(**selling) as client:
        text = (await client.get("/openapi.json")).text
    referred = {*re.findall(r'"\$ref":"#/components/schemas/([^"]+)"', text)}
    assert "UploadedImage" in referred
    assert referred - json.loads(text)["components"]["schemas"].keys() == set()


async def test_openapi_lists_every_code_of_io42(client: AsyncClient):
    paths = (await client.get("/openapi.json")).json()["paths"]
    answers = paths["/api/agents/projects/{project_id}/submissions/{submission_id}"]["post"]["responses"]
    documented = {
        code for answer in answers.values() for code in re.findall("[A-Z]+_[A-Z_]+|UNAUTHORIZED", answer["description"])
    }
    assert documented == {*io42.STATUS_OF}


def test_every_code_that_io42_is_refused_with_has_a_status():
    calls = (each for each in ast.walk(tree_of(Path(submit.__file__))) if isinstance(each, ast.Call))
    named = {ast.literal_eval(call.args[0]) for call in calls if is_refusal(call)}
    assert "VALIDATION_ERROR" in named
    assert named | {*submit.CODES.values()} <= io42.STATUS_OF.keys()


def is_refusal(call: ast.Call) -> bool:
    """`Io42Error("A_CODE", ...)`"""
    return ast.unparse(call.func) == "Io42Error" and isinstance(call.args[0], ast.Constant)


async def test_a_request_is_one_line_of_json_without_its_query(client: AsyncClient, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO, "img402_mcp.host.access")
    answer = await client.get("/a%0Ab?token=hunter2", headers={"Authorization": "Bearer hunter2"})
    (record,) = (record for record in caplog.records if record.name == "img402_mcp.host.access")
    line = json.loads(record.getMessage())
    assert isinstance(line.pop("ms"), float)
    assert datetime.fromisoformat(line.pop("time")).tzinfo is UTC
    assert line == {
        "request_id": answer.headers["x-request-id"],
        "method": "GET",
        "path": "/a\nb",
        "status": 404,
        "bytes": 78,
        "client": "127.0.0.1",
        "error": "not_found",
    }
    assert "\n" not in record.getMessage()


async def test_the_log_has_the_address_that_a_trusted_proxy_names(hosting: Hosting, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO, "img402_mcp.host.access")
    async with hosting(IMG402_HOST_TRUSTED_PROXIES="127.0.0.1") as client:
        await client.get("/healthz", headers={"X-Forwarded-For": "198.51.100.1"})
    assert [
        json.loads(record.getMessage())["client"]
        for record in caplog.records
        if record.name == "img402_mcp.host.access"
    ] == ["198.51.100.1"]
