"""Agent frameworks: each converts the tools' schemas for its models, and calls a tool with what it fills in."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

PACKAGES = {
    "google_genai": "google-genai==3.6.1 mcp==2.3.0",
    "crewai": "crewai-tools[mcp]==1.15.30",
    "langchain": "langchain-mcp-adapters==0.3.2",
    "litellm": "litellm==1.110.2 mcp==2.3.0",
    "llama_index": "llama-index-tools-mcp==0.6.0",
    "openai_agents": "openai-agents==0.24.0",
    "pydantic_ai": "pydantic-ai-slim[mcp]==2.68.0",
    "semantic_kernel": "semantic-kernel[mcp]==1.45.0",
}
IN_EACH_RUN = {"google_genai", "crewai"}  # the strictest reader of schemas, and the one that fills in null
CALLS_ONLY_FOR_A_MODEL = {"google_genai"}
ENVIRONMENT = """
import subprocess, sys, venv
folder, *packages = sys.argv[1:]
venv.create(folder, with_pip=True)
pip = [folder + "/bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
subprocess.run([*pip, *packages], check=True)
"""
ALONE = {"CREWAI_DISABLE_TELEMETRY": "true", "OTEL_SDK_DISABLED": "true", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}


def marks(framework: str) -> list[pytest.MarkDecorator]:
    return [] if framework in IN_EACH_RUN else [pytest.mark.frameworks]


@pytest.mark.parametrize("framework", [pytest.param(each, id=each, marks=marks(each)) for each in PACKAGES])
def test_a_framework_converts_each_tool_and_uploads_with_one(
    framework: str,
    installed: Callable[..., Path],
    settings: dict[str, str],
    screenshot: Path,
    host: str,
    tmp_path: Path,
) -> None:
    said = ran(framework, installed, settings | {"HOME": str(tmp_path)}, screenshot)

    schemas = said["schemas"]
    assert {"upload_free", "upload_batch", "publish_markdown", "upload_with_token", "limits"} <= set(schemas)
    assert schemas["upload_free"]["required"] == ["path"]
    assert set(schemas["upload_free"]["properties"]) == {"path", "fit", "width", "fresh", "keep"}
    assert [(name, untyped) for name, schema in schemas.items() for untyped in without_a_type(schema)] == []
    if framework not in CALLS_ONLY_FOR_A_MODEL:
        url = re.search(rf"{re.escape(host)}/\w+\.png", said["answer"])
        assert url is not None, said["answer"]
        with urlopen(url[0]) as served:
            assert served.read() == screenshot.read_bytes()


def ran(framework: str, installed: Callable[..., Path], env: dict[str, str], image: Path) -> Any:
    """What the framework's script printed. Each framework has an environment of its own."""
    packages = PACKAGES[framework].split()
    folder = installed(
        f"framework {framework} {' '.join(packages)}", [sys.executable, "-c", ENVIRONMENT, "{}", *packages]
    )
    script = Path(__file__).with_name(f"with_{framework}.py")
    command: list[str | Path] = [folder / "bin/python", script, sys.executable, image]
    alone = os.environ | ALONE | env
    done = subprocess.run(command, capture_output=True, text=True, env=alone, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def without_a_type(schema: dict[str, Any]) -> Iterator[str]:
    """The names of the properties that say no type, or only that they are an object, which Gemini and Kimi refuse."""
    for name, value in schema.get("properties", {}).items():
        choices = [choice for choice in value.get("anyOf", [value]) if choice.get("type") != "null"]
        if any(choice.get("type", "object").lower() == "object" for choice in choices):
            yield name
        if any(choice.get("type", "").lower() == "array" and "type" not in choice["items"] for choice in choices):
            yield f"{name}[]"
