"""The schemas that a client hands to its model: each property has a type, and all of them cost little context."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # the SDK brings it, without types
from mcp import Client
from mcp_types import Tool

from img402_mcp.client.settings.io42 import Io42Settings
from img402_mcp.client.settings.model import Money, Settings, WalletSource
from img402_mcp.client.settings.studio import StudioSettings
from img402_mcp.mcp_server.server import INSTRUCTIONS, create_server
from img402_mcp.mcp_server.tools import tools

MAX_BYTES, MOST_BYTES_ON_AVERAGE = 330, 885
NULLABLE = [{"type": "string"}, {"type": "null"}]
NAMES = ("string", "integer", "boolean", "array", "object", NULLABLE)


@pytest.fixture(params=[False, True], ids=["free", "all"])
async def listed(request, tmp_path: Path) -> list[Tool]:
    settings = Settings("http://127.0.0.1:9", (tmp_path,), tmp_path)
    if request.param:
        settings = replace(
            settings,
            money=Money(wallet=WalletSource(key="1" * 64)),
            apis=(
                Io42Settings("https://io42.example/api", "k" * 20),
                StudioSettings("https://studio.example", "t" * 20),
            ),
        )
    async with Client(create_server(settings)) as client:
        return (await client.list_tools()).tools


def properties(schema: object) -> Iterator[tuple[str, dict[str, object]]]:
    if isinstance(schema, dict):
        yield from schema.get("properties", {}).items()
        for inner in schema.values():
            yield from properties(inner)


def in_bytes(document: object) -> int:
    return len(json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode())


async def test_every_property_of_every_schema_has_a_type(listed):
    schemas = [schema for tool in listed for schema in (tool.input_schema, tool.output_schema)]
    for schema in schemas:
        Draft202012Validator.check_schema(schema)
    kinds = {name: each.get("type") or each.get("anyOf") for schema in schemas for name, each in properties(schema)}
    assert {name: kind for name, kind in kinds.items() if kind not in NAMES} == {}


async def test_everything_that_is_listed_costs_little_context(listed):
    shown = {
        tool.name: in_bytes({"name": tool.name, "description": tool.description, "inputSchema": tool.input_schema})
        for tool in listed
    }
    whole = [in_bytes(tool.model_dump(by_alias=True, exclude_none=True, mode="json")) for tool in listed]
    assert {name: size for name, size in shown.items() if size > MAX_BYTES} == {}
    assert sum(whole) / len(whole) < MOST_BYTES_ON_AVERAGE


def test_the_instructions_name_the_tools_of_every_session_in_few_words():
    assert len(INSTRUCTIONS.split()) <= 60
    named = {word.strip(".:,") for word in INSTRUCTIONS.split() if "_" in word}
    assert named < {tool.name for tool in tools()}
