"""Our client's wallet pays on the chain: our own host over other people's facilitators, and someone else's paywall."""

from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from eth_account import Account

from img402_mcp.wire.x402 import BASE_SEPOLIA

FUNDS, PRICE = 10**6, 10_000
YEAR = timedelta(days=365)


async def call(client, tool: str, **arguments: object):
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    return result.structured_content


async def served(url: str) -> bytes:
    async with httpx2.AsyncClient() as browser:
        return (await browser.get(url)).raise_for_status().content


@pytest.mark.parametrize("flow", ["token", "inline"])
async def test_an_image_is_paid_for_once_however_often_it_is_uploaded(chain, shop, agent, photo, flow) -> None:
    payer, had = chain.payer(), chain.balance(shop.payee)

    async with agent(payer, shop.url, IMG402_PAID_FLOW=flow) as client:
        first = await call(client, "upload_paid", path=str(photo))
        again = await call(client, "upload_paid", path=str(photo))

    assert again["url"] == first["url"]
    assert await served(first["url"]) == photo.read_bytes()
    assert abs(datetime.fromisoformat(first["expires_at"]) - datetime.now(UTC) - YEAR) < timedelta(minutes=5)
    assert (chain.balance(payer.address), chain.balance(shop.payee)) == (FUNDS - PRICE, had + PRICE)
    assert chain.charges(payer.address) == 1


async def test_a_token_is_paid_for_once_and_buys_one_upload(chain, shop, agent, photo) -> None:
    payer = chain.payer()

    async with agent(payer, shop.url) as client:
        token = await call(client, "get_upload_token")
        same = await call(client, "get_upload_token")
        uploaded = await call(client, "upload_with_token", path=str(photo), token=token["token"])

    assert "reused" not in token
    assert same == {**token, "reused": True}
    assert await served(uploaded["url"]) == photo.read_bytes()
    assert (chain.balance(payer.address), chain.charges(payer.address)) == (FUNDS - PRICE, 1)


async def test_the_paywall_of_x402_express_is_paid_once(chain, facilitator, paywall, agent) -> None:
    payer, payee = chain.payer(), Account.create().address

    with paywall(facilitator, payee) as url:
        async with agent(payer, url) as client:
            token = await call(client, "get_upload_token")
            same = await call(client, "get_upload_token")

    assert (len(token["token"]), "reused" in token) == (40, False)
    assert same == {**token, "reused": True}
    assert (chain.balance(payer.address), chain.balance(payee)) == (FUNDS - PRICE, PRICE)
    assert chain.charges(payer.address) == 1


async def test_on_base_sepolia_too_an_image_is_paid_for(chains, facilitating, selling, agent, photo) -> None:
    chain = chains(BASE_SEPOLIA)
    payer = chain.payer()

    with facilitating(chain, "facilitator.py") as facilitator, selling(chain, facilitator) as shop:
        there = {"IMG402_NETWORKS": "base-sepolia", "IMG402_RPC_URL": chain.rpc_url}
        async with agent(payer, shop.url, **there) as client:
            await call(client, "upload_paid", path=str(photo))

    assert (chain.balance(payer.address), chain.balance(shop.payee)) == (FUNDS - PRICE, PRICE)
