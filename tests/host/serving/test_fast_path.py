"""The fast path answers cached images before the framework, exactly as the framework would."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import httpx2
import pytest

from tests.fakes.program import started

DIFFERS = {"date", "x-request-id"}


@pytest.fixture
def command(tmp_path: Path, picture, request: pytest.FixtureRequest) -> Iterator[SimpleNamespace]:
    """The host as its command starts it, with one image, requested once: `.url`, `.name`; `.stop()` returns its log."""
    environ = {**os.environ, "IMG402_HOST_MIN_FREE_BYTES": "0", **getattr(request, "param", {})}
    with started("host", "--port", 0, "--data", tmp_path / "data", environ=environ) as process:
        url = re.search(r"http://127\S+:\d+", next(line for line in process.stdout if "API is at" in line))[0]

        def stop() -> str:
            process.terminate()
            return process.stdout.read()

        name = httpx2.post(f"{url}/api/free", files={"image": picture()}).json()["url"].rpartition("/")[2]
        httpx2.get(f"{url}/{name}")
        yield SimpleNamespace(url=url, name=name, stop=stop)


def parts_of(answer: httpx2.Response) -> tuple[int, bytes, dict[str, str]]:
    kept = {name: value for name, value in answer.headers.items() if name not in DIFFERS}
    return answer.status_code, answer.content, kept | {"cache-control": kept["cache-control"].split("=")[0]}


def test_a_fast_answer_is_the_same_as_the_frameworks_and_is_logged(command: SimpleNamespace, picture):
    with httpx2.Client(base_url=command.url) as client:
        fast_path = [client.get(f"/{command.name}") for _ in range(20)]
        slow = client.get(f"/{command.name}", headers={"Range": "bytes=0-"})
        part = client.get(f"/{command.name}", headers={"Range": "bytes=1-3"})
    assert {answer.content for answer in fast_path} == {picture()}
    assert parts_of(fast_path[-1]) == parts_of(slow)
    assert (part.status_code, part.content) == (206, picture()[1:4])
    log = command.stop()
    assert [answer.headers["x-request-id"] in log for answer in [*fast_path, slow, part]] == [True] * 22


@pytest.mark.parametrize("command", [{"IMG402_HOST_ACCEL_LOCATION": "/stored/"}], indirect=True)
def test_nginx_is_shown_the_file_by_a_hot_answer_as_by_the_frameworks(command: SimpleNamespace):
    with httpx2.Client(base_url=command.url) as client:
        fast_path, slow = client.get(f"/{command.name}"), client.get(f"/{command.name}", headers={"Range": "bytes=0-"})
    assert (fast_path.content, fast_path.headers["x-accel-redirect"]) == (b"", f"/stored/{command.name}")
    assert parts_of(fast_path) == parts_of(slow)
