from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from httpx2 import AsyncClient
from starlette.applications import Starlette

from img402_mcp.host.app import create_app
from img402_mcp.host.db.database import Database
from img402_mcp.host.payments.paywall import Paywall
from img402_mcp.host.payments.products import token_sale
from img402_mcp.host.payments.records import PaymentRecords
from img402_mcp.host.payments.requirements import Sale
from img402_mcp.host.settings import HostSettings
from img402_mcp.wire import x402
from tests.fakes.bank import Bank
from tests.fakes.keys import ADDRESS, PAYEE

PUBLIC_URL = "https://i.example"
IDENTIFIER = "pay_0123456789abcdef"


@pytest.fixture
def bank() -> Bank:
    return Bank()


@pytest.fixture
def paid_settings(settings: Callable[..., HostSettings]) -> Callable[..., HostSettings]:
    return lambda **environ: settings(
        **{"IMG402_HOST_PAY_TO": PAYEE, "IMG402_HOST_FACILITATOR_URL": "http://127.0.0.1:1", **environ}
    )


@pytest.fixture
def selling(
    paid_settings: Callable[..., HostSettings],
    clock: SimpleNamespace,
    bank: Bank,
    workers: Callable[[Callable[[], Starlette]], AbstractAsyncContextManager[AsyncClient]],
) -> Callable[..., AbstractAsyncContextManager[AsyncClient]]:
    """`async with selling() as client`: a host that takes payments through the bank. Again: the host restarted."""

    def running(settle_timeout: float = 5, **environ: str) -> AbstractAsyncContextManager[AsyncClient]:
        return workers(
            lambda: create_app(
                paid_settings(**environ), now=lambda: clock.now, facilitator=bank, settle_timeout=settle_timeout
            )
        )

    return running


@pytest.fixture
def paywall(
    paid_settings: Callable[..., HostSettings], data: Path, clock: SimpleNamespace, bank: Bank
) -> Iterator[tuple[Paywall, Sale]]:
    """The host's paywall over the same data, and its products."""
    paid = paid_settings(IMG402_HOST_TRUST_USED="0").paid
    assert paid is not None
    data.mkdir(exist_ok=True)
    database = Database(paid_settings().database)
    yield Paywall(paid, bank, PaymentRecords(database, lambda: clock.now)), token_sale(paid, PUBLIC_URL)
    database.close()


@pytest.fixture
async def shop(selling: Callable[..., AbstractAsyncContextManager[AsyncClient]]) -> AsyncGenerator[AsyncClient]:
    async with selling() as client:
        yield client


@pytest.fixture
def proof(clock: SimpleNamespace) -> Callable[..., dict[str, str]]:
    """`proof(version=2, nonce=1, ...)`: the header that pays 0.01 USDC on Base, or a variation."""
    network = x402.BASE

    def header(
        version: int = 2, *, identifier: str | None = IDENTIFIER, accepted: dict[str, Any] | None = None, **changed: Any
    ) -> dict[str, str]:
        payload = _payload(clock, **changed)
        if version == 1:
            message: x402.PaymentPayloadV1 | x402.PaymentPayloadV2 = x402.PaymentPayloadV1(
                network="base", payload=payload
            )
        else:
            offer = {"scheme": "exact", "network": network.caip2, "amount": "10000", "asset": network.usdc}
            extension = {"payment-identifier": {"info": {"required": False, "id": identifier}}}
            message = x402.PaymentPayloadV2(
                accepted={**offer, "payTo": PAYEE, "maxTimeoutSeconds": 300, **(accepted or {})},
                payload=payload,
                extensions=extension if identifier else None,
            )
        return {x402.PAYMENT_HEADERS[version]: x402.encoded(message)}

    return header


def _payload(clock: SimpleNamespace, nonce: int = 1, signature: str = "11", **changed: Any) -> x402.ExactPayload:
    now = int(clock.now.timestamp())
    fields = {"payer": ADDRESS, "to": PAYEE, "value": 10000, "valid_after": now - 600, "valid_before": now + 300}
    authorization = x402.Authorization(**{**fields, "nonce": f"0x{nonce:064x}", **changed})
    return x402.ExactPayload(signature="0x" + signature * 65, authorization=authorization)
