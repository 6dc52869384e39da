"""What the other tests rely on: here other people's programs pay each other."""

import base64
import json

import pytest
from eth_account import Account

from img402_mcp.wire.x402 import BASE, BASE_SEPOLIA

PRICE = 10_000


@pytest.mark.parametrize(
    ("network", "separator"),
    [
        pytest.param(BASE, "02fa7265e7c5d81118673727957699e4d68f74cd74b7db77da710fe8a2c7834f", id="base"),
        pytest.param(BASE_SEPOLIA, "71f17a3b2ff373b803d70a5a07c046c1a2bc8e89c09ef722fcb047abe94c9818", id="sepolia"),
    ],
)
def test_the_token_has_the_domain_that_usdc_has_on_the_real_chain(chains, network, separator) -> None:
    assert chains(network).read("DOMAIN_SEPARATOR()").hex() == separator


def test_a_new_payer_holds_the_usdc_it_was_given_and_has_paid_nothing(chain) -> None:
    payer = chain.payer(funds=50_000)

    assert (chain.balance(payer.address), chain.charges(payer.address)) == (50_000, 0)


@pytest.mark.parametrize("client", ["@x402/fetch", "x402[httpx]"])
def test_a_foreign_client_pays_a_foreign_paywall_over_a_foreign_facilitator(
    chain, pay, paywall, facilitator, client
) -> None:
    payer, payee = chain.payer(), Account.create().address

    with paywall(facilitator, payee) as url:
        answer = pay(client, payer, f"{url}/api/upload/token")

    assert (answer["status"], len(answer["body"]["token"])) == (200, 40), answer
    receipt = json.loads(base64.b64decode(answer["headers"]["payment-response"]))
    assert (receipt["success"], receipt["network"]) == (True, "eip155:8453")
    assert (chain.balance(payer.address), chain.balance(payee)) == (10**6 - PRICE, PRICE)
    assert chain.charges(payer.address) == 1
