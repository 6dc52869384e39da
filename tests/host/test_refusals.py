"""What a stranger sends in vain costs him a pause, and others nothing."""

import struct
import threading
from collections.abc import AsyncIterator, Callable, MutableMapping
from ipaddress import ip_address
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from httpx2 import ASGITransport, AsyncClient
from starlette.applications import Starlette

from img402_mcp.host.app import create_app
from img402_mcp.host.errors import ApiError
from img402_mcp.host.refusals import MOST_PROOFS, WINDOW, Refusals
from img402_mcp.host.settings import HostSettings
from img402_mcp.host.storage.receive import Incoming
from img402_mcp.host.storage.spool import Body
from img402_mcp.wire import x402
from tests.fakes.keys import ADDRESS, PAYEE
from tests.fakes.pictures import png

SEGMENTS = b"\xff\xd8" + b"\xff\xe0\x00\x02" * 250_000
MINE, OTHER = ip_address("192.0.2.1"), ip_address("192.0.2.2")


def client_of(app: Starlette, address: str = "192.0.2.1") -> AsyncClient:
    return AsyncClient(transport=ASGITransport(app, client=(address, 1)), base_url="https://i.example")


def test_a_window_ends_and_counts_each_address_for_itself():
    clock = SimpleNamespace(now=100.0)
    refusals = Refusals("bodies", 10, lambda: clock.now)
    refusals.add(MINE, 10)
    refusals.refuse_early(MINE)
    refusals.add(MINE, 1)
    with pytest.raises(ApiError) as refused:
        refusals.refuse_early(MINE)
    assert (refused.value.code, refused.value.headers) == ("too_many", {"Retry-After": str(WINDOW + 1)})
    refusals.refuse_early(OTHER)
    clock.now += WINDOW
    refusals.refuse_early(MINE)
    refusals.add(MINE, 1)
    refusals.refuse_early(MINE)


def test_only_so_many_addresses_are_remembered():
    refusals = Refusals("bodies", 0)
    for number in range(20_000):
        refusals.add(ip_address(number), 1)
    refusals.refuse_early(ip_address(0))
    with pytest.raises(ApiError):
        refusals.refuse_early(ip_address(19_999))


async def test_refused_bodies_make_their_address_wait_and_nobody_else(settings: Callable[..., HostSettings]):
    app = create_app(settings())
    async with app.router.lifespan_context(app), client_of(app) as mine, client_of(app, "192.0.2.2") as other:
        answers = [await mine.post("/api/free", files={"image": SEGMENTS}) for _ in range(12)]
        codes = [answer.json()["error"] for answer in answers]
        good = {"image": png(16, 16)}
        waiting = await mine.post("/api/free", files=good)
        assert codes == ["unsupported_format"] * codes.index("too_many") + ["too_many"] * codes[::-1].index(
            "unsupported_format"
        )
        assert (waiting.status_code, waiting.json()["error"]) == (429, "too_many")
        assert 0 < int(waiting.headers["retry-after"]) <= WINDOW + 1
        assert (await other.post("/api/free", files=good)).status_code == 200


async def test_a_refused_body_does_not_count_towards_the_day(settings: Callable[..., HostSettings]):
    app = create_app(settings(IMG402_HOST_FREE_DAILY_PER_ADDRESS="1"))
    async with app.router.lifespan_context(app), client_of(app) as mine:
        for _ in range(3):
            assert (await mine.post("/api/free", files={"image": b"%PDF" * 100})).status_code == 400
        assert (await mine.post("/api/free", files={"image": png(16, 16)})).status_code == 200


async def test_a_gif_that_would_take_long_to_count_is_refused_at_once(settings: Callable[..., HostSettings]):
    head = b"GIF89a" + struct.pack("<HHBBB", 20_000, 20_000, 0x80, 0, 0) + bytes(6)
    gif = head + b"," + struct.pack("<HHHHB", 0, 0, 20_000, 20_000, 0) + b"\x08" + (b"\xff" + bytes(255)) * 1000 + b"\0"
    app = create_app(settings())
    async with app.router.lifespan_context(app), client_of(app) as mine:
        answer = await mine.post("/api/free", files={"image": gif})
    assert (answer.status_code, "too large to see whether pixels are missing" in answer.text) == (400, True)


def test_two_walks_run_at_a_time(tmp_path: Path):
    """However many uploads arrive together: two meet, and a third never comes to them."""
    two, three = threading.Barrier(2), threading.Barrier(3)
    met: list[int] = []

    class Watched(Body):
        def view(self) -> Any:
            two.wait(timeout=20)
            try:
                three.wait(timeout=0.05)
                met.append(3)
            except threading.BrokenBarrierError:
                met.append(2)
            return super().view()

    def walk() -> None:
        incoming = Incoming(Watched(tmp_path), 10_000)
        incoming.write(png(16, 16))
        incoming.examine()

    threads = [threading.Thread(target=walk) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert met == [2] * 12


@pytest.fixture
async def selling_for_play(settings: Callable[..., HostSettings], clock: SimpleNamespace) -> AsyncIterator[Starlette]:
    app = create_app(settings(IMG402_HOST_PAY_TO=PAYEE, IMG402_HOST_FACILITATOR="play"), now=lambda: clock.now)
    async with app.router.lifespan_context(app):
        yield app


def proof(clock: SimpleNamespace, nonce: int = 1, **changed: Any) -> dict[str, str]:
    """Signed by nobody."""
    now = int(clock.now.timestamp())
    fields = {"payer": ADDRESS, "to": PAYEE, "value": 10_000, "valid_after": 0, "valid_before": now + 300}
    authorization = x402.Authorization(**{**fields, "nonce": f"0x{nonce:064x}", **changed})
    payload = x402.ExactPayload(signature="0x" + "12" * 65, authorization=authorization)
    return {"X-PAYMENT": x402.encoded(x402.PaymentPayloadV1(network="base-sepolia", payload=payload))}


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        pytest.param({}, "invalid_exact_evm_payload_signature", id="signed-by-nobody"),
        pytest.param({"value": 1}, "invalid_exact_evm_payload_authorization_value_mismatch", id="another-offer"),
        pytest.param({"valid_before": 1}, "invalid_exact_evm_payload_authorization_valid_before", id="run-out"),
        pytest.param({"valid_after": 1 << 40}, "invalid_exact_evm_payload_authorization_valid_after", id="not-yet"),
    ],
)
async def test_a_proof_that_buys_nothing_is_refused_before_the_body_is_taken(
    selling_for_play: Starlette, clock: SimpleNamespace, changed: dict[str, int], reason: str
):
    asked = False
    answers: list[MutableMapping[str, Any]] = []

    async def receive() -> dict[str, Any]:
        nonlocal asked
        asked = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        asked_before.append(asked)
        answers.append(message)

    asked_before: list[bool] = []
    headers = {
        **proof(clock, **changed),
        "content-type": "multipart/form-data; boundary=x",
        "content-length": "5000000",
    }
    scope = {
        "type": "http", "http_version": "1.1", "method": "POST", "path": "/api/upload", "raw_path": b"/api/upload",
        "query_string": b"", "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("192.0.2.1", 1), "server": ("i.example", 443), "scheme": "https", "root_path": "",
    }  # fmt: skip
    await selling_for_play(scope, receive, send)
    assert (answers[0]["status"], asked_before[0]) == (402, False)
    assert reason in b"".join(message.get("body", b"") for message in answers).decode()


async def test_refused_proofs_make_their_address_wait_and_nobody_else(
    selling_for_play: Starlette, clock: SimpleNamespace
):
    async with client_of(selling_for_play) as mine, client_of(selling_for_play, "192.0.2.2") as other:
        statuses = [
            (await mine.post("/api/upload/token", headers=proof(clock, nonce))).status_code
            for nonce in range(MOST_PROOFS + 3)
        ]
        assert statuses == [402] * (MOST_PROOFS + 1) + [429] * 2
        assert (await mine.post("/api/upload/token")).status_code == 429
        assert (await mine.post("/api/free", files={"image": png(16, 16)})).status_code == 200
        assert (await other.post("/api/upload/token", headers=proof(clock))).status_code == 402


async def test_to_ask_for_the_price_is_no_refused_proof(
    selling_for_play: Starlette,
):
    async with client_of(selling_for_play) as mine:
        statuses = {(await mine.post("/api/upload/token")).status_code for _ in range(MOST_PROOFS + 3)}
    assert statuses == {402}
