"""Real processes over one data folder, play money, and clients that send more than they are asked for."""

import json
import os
import signal
import subprocess
import time
from asyncio import gather
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from httpx2 import AsyncClient

from img402_mcp.wire import x402
from img402_mcp.wire.evm import typed_data
from tests.fakes.keys import KEY, PAYEE

Starting = Callable[[Path], SimpleNamespace]


def signed() -> dict[str, str]:
    account, now = Account.from_key(KEY), int(time.time())
    authorization = x402.Authorization(
        payer=account.address, to=PAYEE, value=10000, valid_after=0, valid_before=now + 300, nonce="0x" + "01" * 32
    )
    message = encode_typed_data(*typed_data(authorization, x402.BASE_SEPOLIA))
    payload = x402.ExactPayload(
        signature="0x" + account.sign_message(message).signature.hex(), authorization=authorization
    )
    return {"X-PAYMENT": x402.encoded(x402.PaymentPayloadV1(network="base-sepolia", payload=payload))}


@pytest.fixture(scope="module")
def playing(starting: Starting) -> Iterator[Starting]:
    """Starts a server that sells for play money."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("IMG402_HOST_PAY_TO", PAYEE)
        environment.setenv("IMG402_HOST_FACILITATOR", "play")
        yield starting


@pytest.fixture(scope="module")
def url(playing: Starting, tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(playing(tmp_path_factory.mktemp("shop")).url)


async def test_two_workers_charge_once_and_one_that_was_killed_loses_nothing(
    playing: Starting, tmp_path: Path, sample: Callable[[str], bytes]
):
    workers, proof = [playing(tmp_path), playing(tmp_path)], signed()

    async def buy(client: AsyncClient, url: str) -> str:
        answer = await client.post(f"{url}/api/upload/token", headers=proof)
        return str(answer.json().get("token", answer.text))

    async with AsyncClient(timeout=30) as client:
        (token,) = {*await gather(*(buy(client, worker.url) for worker in workers * 3))}
        os.kill(workers[0].pid, signal.SIGKILL)
        assert await buy(client, workers[1].url) == await buy(client, playing(tmp_path).url) == token
        image = await client.post(
            f"{workers[1].url}/api/upload",
            headers={"X-Upload-Token": token},
            files={"image": sample("plain.png")},
        )
    assert image.status_code == 200


def test_curl_reads_the_402_though_it_sent_four_megabytes(url: str, tmp_path: Path):
    (tmp_path / "large.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(4_000_000))
    output = subprocess.run(
        ["curl", "-s", "-w", "\n%{http_code}", "-F", f"image=@{tmp_path / 'large.png'}", f"{url}/api/upload"],
        capture_output=True,
        text=True,
        check=True,
    )
    body, _, status = output.stdout.rpartition("\n")
    assert (status, json.loads(body)["error"]) == ("402", "payment_required")


async def test_httpx2_reads_the_402_though_it_sent_four_megabytes(url: str):
    async with AsyncClient() as client:
        answer = await client.post(f"{url}/api/upload", files={"image": bytes(4_000_000)})
    assert (answer.status_code, answer.json()["error"]) == (402, "payment_required")
