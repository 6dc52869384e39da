"""The official MCP inspector, as a client, over each transport and in both eras of the protocol."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from urllib.request import urlopen

import pytest

Inspect = Callable[..., subprocess.CompletedProcess[str]]
Node = Callable[..., subprocess.CompletedProcess[str]]
Running = Callable[..., AbstractContextManager[str]]

IS_ERROR = 5


@pytest.fixture(scope="session")
def inspect(node: Node, inspector: Path) -> Inspect:
    return lambda *words: node(inspector, "--cli", *words, "-q", "--format", "json")


@pytest.fixture(scope="module", params=["stdio", "sse", "streamable-http"])
def target(request: pytest.FixtureRequest, running: Running, settings: dict[str, str]) -> Iterator[Sequence[str]]:
    """The words that tell the inspector where the server is."""
    if request.param == "stdio":
        words = [word for name, value in settings.items() for word in ("-e", f"{name}={value}")]
        yield [*words, sys.executable, "-m", "img402_mcp"]
    else:
        serve = ["-m", "img402_mcp", "serve", "--transport", request.param, "--port", "0"]
        with running(serve, settings) as url:
            yield [url, "--transport", request.param.removeprefix("streamable-")]


@pytest.fixture(params=["legacy", "modern"])
def era(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_it_lists_the_tools_and_accepts_their_schemas(inspect: Inspect, target: Sequence[str], era: str) -> None:
    ran = inspect(*target, "--protocol-era", era, "--method", "tools/list", "--strict")

    assert (ran.returncode, ran.stderr) == (0, "")
    assert {"upload_free", "limits"} <= {tool["name"] for tool in json.loads(ran.stdout)["result"]["tools"]}


def test_it_lists_and_gets_each_prompt(inspect: Inspect, target: Sequence[str], era: str) -> None:
    listed = inspect(*target, "--protocol-era", era, "--method", "prompts/list")
    assert (listed.returncode, listed.stderr) == (0, "")
    for prompt in json.loads(listed.stdout)["result"]["prompts"]:
        given = [f"{argument['name']}=shots/a.png" for argument in prompt["arguments"]]
        words = ["--prompt-name", prompt["name"], *(word for each in given for word in ("--prompt-args", each))]
        got = inspect(*target, "--protocol-era", era, "--method", "prompts/get", *words)
        assert (got.returncode, got.stderr) == (0, "")
        (message,) = json.loads(got.stdout)["result"]["messages"]
        assert message["content"]["text"].count('"shots/a.png"') == len(given)


def test_it_uploads_an_image_whose_url_serves_it(
    inspect: Inspect, target: Sequence[str], era: str, screenshot: Path, host: str
) -> None:
    ran = inspect(*target, "--protocol-era", era, *calling("upload_free", path=str(screenshot)))

    assert (ran.returncode, ran.stderr) == (0, "")
    result = json.loads(ran.stdout)["result"]
    uploaded = result["structuredContent"]
    assert uploaded == {
        "url": f"{host}/{uploaded['id']}.png",
        "id": uploaded["id"],
        "content_type": "image/png",
        "size_bytes": screenshot.stat().st_size,
        "expires_at": uploaded["expires_at"],
        "width": 48,
        "height": 32,
        "markdown": f"![screenshot]({uploaded['url']})",
        "verified": True,
        "delete_url": uploaded["delete_url"],
        "note": f"Expires {uploaded['expires_at'][:10]}.",
    }
    assert result["content"][0]["text"].startswith(uploaded["markdown"])
    assert ("_meta" in result) is (era == "modern")
    with urlopen(uploaded["url"]) as served:
        assert served.read() == screenshot.read_bytes()


def test_a_refusal_reaches_it_as_a_tool_error(
    inspect: Inspect, target: Sequence[str], era: str, settings: dict[str, str]
) -> None:
    ran = inspect(*target, "--protocol-era", era, *calling("upload_free", path="/etc/passwd"))

    result = json.loads(ran.stdout)["result"]
    assert (ran.returncode, result["isError"]) == (IS_ERROR, True)
    assert settings["IMG402_ALLOW_DIRS"] in result["content"][0]["text"]


def calling(tool: str, **arguments: str) -> list[str]:
    return ["--method", "tools/call", "--tool-name", tool, "--tool-args-json", json.dumps(arguments)]
