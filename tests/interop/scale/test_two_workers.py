"""Two real processes behind one address, their rows in PostgreSQL and their bytes in S3."""

import json
import os
import subprocess
import sys
import time
from asyncio import gather
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, ExitStack, suppress
from itertools import cycle
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio import BrokenResourceError, ClosedResourceError, EndOfStream, create_task_group, create_tcp_listener
from anyio.abc import SocketAttribute, SocketStream
from eth_account import Account
from eth_account.messages import encode_typed_data
from httpx2 import AsyncClient, Limits

from img402_mcp.wire import x402
from img402_mcp.wire.evm import typed_data
from tests.fakes.fixtures import Sample
from tests.fakes.keys import KEY, PAYEE

Running = Callable[..., AbstractContextManager[str]]


def signed(nonce: int) -> dict[str, str]:
    account, now = Account.from_key(KEY), int(time.time())
    paid = x402.Authorization(
        payer=account.address, to=PAYEE, value=10000, valid_after=0, valid_before=now + 300, nonce=f"0x{nonce:064x}"
    )
    message = encode_typed_data(*typed_data(paid, x402.BASE_SEPOLIA))
    payload = x402.ExactPayload(signature="0x" + account.sign_message(message).signature.hex(), authorization=paid)
    return {"X-PAYMENT": x402.encoded(x402.PaymentPayloadV1(network="base-sepolia", payload=payload))}


@pytest.fixture
def environ(schema: str, storage: dict[str, str], request: pytest.FixtureRequest) -> dict[str, str]:
    return storage | {
        "IMG402_HOST_DATABASE": schema,
        "IMG402_HOST_BLOBS": f"s3://images/{request.node.name}",
        "IMG402_HOST_SECRET": "the same on each of the machines",
        "IMG402_HOST_PAY_TO": PAYEE,
        "IMG402_HOST_FACILITATOR": "play",
        "IMG402_HOST_FREE_DAILY_PER_ADDRESS": "7",
        "IMG402_HOST_IO42_HOURLY": "9",
    }


async def passed_on(source: SocketStream, target: SocketStream) -> None:
    with suppress(EndOfStream, BrokenResourceError, ClosedResourceError):
        while True:
            await target.send(await source.receive())
    with suppress(BrokenResourceError, ClosedResourceError, OSError):
        await target.send_eof()


@pytest.fixture
async def client(environ: dict[str, str], running: Running, tmp_path: Path) -> AsyncIterator[AsyncClient]:
    """Each of its connections goes to the next of the workers, and carries one request."""
    with ExitStack() as stack:
        host = ["-m", "img402_mcp", "host", "--port", "0", "--public-url", "http://images.example"]
        start = [running([*host, "--data", tmp_path / name], environ) for name in ("one", "other")]
        ports = cycle([int(stack.enter_context(worker).rpartition(":")[2]) for worker in start])

        async def pass_on(stream: SocketStream) -> None:
            async with stream, await anyio.connect_tcp("127.0.0.1", next(ports)) as worker, create_task_group() as both:
                both.start_soon(passed_on, stream, worker)
                await passed_on(worker, stream)
                both.cancel_scope.cancel()

        async with await create_tcp_listener(local_host="127.0.0.1") as listener, create_task_group() as tasks:
            tasks.start_soon(listener.serve, pass_on)
            url = f"http://127.0.0.1:{listener.extra(SocketAttribute.local_port)}"
            limits = Limits(max_connections=40, max_keepalive_connections=0)
            async with AsyncClient(base_url=url, timeout=60, limits=limits) as client:
                yield client
            tasks.cancel_scope.cancel()


async def test_a_replayed_nonce_and_a_hundred_uploads_with_one_token_buy_one_image(
    client: AsyncClient, sample: Sample, objects: Callable[[str], list[str]], environ: dict[str, str]
):
    proof = signed(1)
    bought = await gather(*(client.post("/api/upload/token", headers=proof) for _ in range(20)))
    assert {answer.status_code for answer in bought} == {200}
    (token,) = {answer.json()["token"] for answer in bought}

    images = [sample("plain.png"), sample("still.gif")] * 50
    with_it = {"X-Upload-Token": token}
    answers = await gather(*(client.post("/api/upload", files={"image": it}, headers=with_it) for it in images))
    urls = {answer.json()["url"] for answer in answers if answer.status_code == 200}
    assert len(urls) == 1
    # An address that comes in vain forty times within ten seconds has to wait; each worker counts what comes to it.
    assert {200, 401} <= {answer.status_code for answer in answers} <= {200, 401, 429}
    path = urls.pop().removeprefix("http://images.example")
    shown = [await client.get(path) for _ in range(4)]
    assert {(answer.status_code, answer.content in (sample("plain.png"), sample("still.gif"))) for answer in shown} == {
        (200, True)
    }
    assert len(objects(environ["IMG402_HOST_BLOBS"].removeprefix("s3://images/"))) == 1


async def test_daily_caps_hourly_limits_and_signed_urls_hold_on_both(
    client: AsyncClient, sample: Sample, picture_of: Callable[..., bytes], environ: dict[str, str], tmp_path: Path
):
    uploads = await gather(*(client.post("/api/free", files={"image": sample("plain.png")}) for _ in range(12)))
    assert sorted(answer.status_code for answer in uploads) == [200] * 7 + [429] * 5
    key = admin(environ, tmp_path, "agents", "add", "painter")["key"]
    admin(environ, tmp_path, "projects", "add", "logos")
    admin(environ, tmp_path, "submissions", "add", "sub_1", "--project", "logos", "--agent", "painter")
    image = picture_of(120, 100)
    intent = {"fileName": "a.png", "fileType": "image/png", "fileSize": len(image)}
    path, bearer = "/api/agents/projects/logos/submissions/sub_1", {"Authorization": f"Bearer {key}"}
    asked = await gather(*(client.post(path, json=intent, headers=bearer) for _ in range(14)))
    assert sorted(answer.status_code for answer in asked) == [200] * 9 + [429] * 5
    (url,) = {answer.json()["data"]["uploadUrl"] for answer in asked if answer.status_code == 200}
    put = url.removeprefix("http://images.example")
    kind = {"Content-Type": "image/png"}
    answers = await gather(*(client.put(put, content=image, headers=kind) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 9


def admin(environ: dict[str, str], data: Path, *words: str) -> Any:
    command = [sys.executable, "-m", "img402_mcp", "host", "admin", *words, "--json", "--data", str(data / "admin")]
    done = subprocess.run(command, env=os.environ | environ, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)
