"""Other people's clients pay our host, over other people's facilitators."""

import base64
import json

import httpx2
import pytest

FUNDS, PRICE = 10**6, 10_000
# Client -> the header that holds its receipt, and how that version of the protocol names the network.
CLIENTS = {
    "@x402/fetch": ("payment-response", "eip155:8453"),
    "x402-fetch": ("x-payment-response", "base"),
    "x402[httpx]": ("payment-response", "eip155:8453"),
}
each_client = pytest.mark.parametrize("client", CLIENTS)


def receipt_of(answer, client: str) -> dict[str, object]:
    return json.loads(base64.b64decode(answer["headers"][CLIENTS[client][0]]))


def expected_receipt(chain, payer, client: str) -> dict[str, object]:
    """The transaction is the payer's own, read from the chain."""
    return {
        "success": True,
        "transaction": chain.transactions(payer.address)[0],
        "network": CLIENTS[client][1],
        "payer": payer.address,
        "amount": str(PRICE),
    }


@each_client
def test_a_foreign_client_buys_a_token_that_uploads_an_image(chain, pay, shop, client, photo) -> None:
    payer, had = chain.payer(), chain.balance(shop.payee)

    answer = pay(client, payer, f"{shop.url}/api/upload/token")

    assert (answer["status"], len(answer["body"]["token"])) == (200, 40), answer
    token = {"X-Upload-Token": answer["body"]["token"]}
    uploaded = httpx2.post(f"{shop.url}/api/upload", headers=token, files={"image": photo.read_bytes()}).json()
    assert httpx2.get(uploaded["url"]).content == photo.read_bytes()
    assert (chain.balance(payer.address), chain.balance(shop.payee)) == (FUNDS - PRICE, had + PRICE)
    assert receipt_of(answer, client) == expected_receipt(chain, payer, client)


@each_client
def test_a_foreign_client_pays_on_the_upload_itself(chain, pay, shop, client, photo) -> None:
    payer, had = chain.payer(), chain.balance(shop.payee)

    answer = pay(client, payer, f"{shop.url}/api/upload", photo)

    assert (answer["status"], answer["body"]["sizeBytes"]) == (200, photo.stat().st_size), answer
    assert httpx2.get(answer["body"]["url"]).content == photo.read_bytes()
    assert (chain.balance(payer.address), chain.balance(shop.payee)) == (FUNDS - PRICE, had + PRICE)
    assert chain.charges(payer.address) == 1


@each_client
def test_a_foreign_client_without_money_gets_nothing_but_the_price(chain, pay, shop, client) -> None:
    payer, had = chain.payer(funds=PRICE - 1), chain.balance(shop.payee)

    answer = pay(client, payer, f"{shop.url}/api/upload/token")

    assert (answer["status"], "token" in answer["body"]) == (402, False), answer
    # A proof was sent and refused; each facilitator words that differently.
    assert answer["body"]["error"] != "payment_required"
    assert (chain.balance(payer.address), chain.balance(shop.payee)) == (PRICE - 1, had)
