"""A caller in the host's own process, such as an application that mounts it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from anyio import create_task_group
from anyio.lowlevel import checkpoint

from tests.fakes.fixtures import Hosting

IMAGE = (Path(__file__).parents[1] / "samples" / "plain.png").read_bytes()
FREE = "/api/free"
ONE_A_DAY = {"IMG402_HOST_FREE_DAILY_PER_ADDRESS": "1"}
NO_IMAGE = {"image": b"text, and no image at all, as everybody sees who looks at its first bytes"}


@pytest.mark.parametrize(
    ("method", "path", "options", "status"),
    [
        pytest.param("POST", FREE, {"files": {"image": IMAGE}}, 429, id="over-the-daily-cap"),
        pytest.param("POST", FREE, {"files": NO_IMAGE}, 400, id="no-image"),
        pytest.param("POST", FREE, {"content": b"x"}, 400, id="no-form"),
        pytest.param("POST", "/api/nothing", {"files": NO_IMAGE}, 404, id="no-such-route"),
        pytest.param("GET", "/no/such/page", {}, 404, id="no-such-page"),
        pytest.param("PUT", FREE, {"content": b"x"}, 405, id="no-such-method"),
        pytest.param("GET", "/", {}, 200, id="a-page"),
        pytest.param("OPTIONS", FREE, {}, 204, id="a-preflight"),
        pytest.param("GET", "{image}", {}, 200, id="an-image-at-hand"),
    ],
)
async def test_other_tasks_run_while_one_keeps_asking(
    hosting: Hosting, method: str, path: str, options: Mapping[str, Any], status: int
):
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await checkpoint()
            turns += 1

    async with hosting(**ONE_A_DAY) as client:
        uploaded = (await client.post(FREE, files={"image": IMAGE})).json()
        url = path.format(image=uploaded["url"])
        await client.request(method, url, **options)
        async with create_task_group() as tasks:
            tasks.start_soon(count)
            for _ in range(20):
                assert (await client.request(method, url, **options)).status_code == status
            tasks.cancel_scope.cancel()
    assert turns > 10
