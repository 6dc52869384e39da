"""An honest API that sells tokens and keeps its own books."""

import hashlib
import json
from typing import Any

import anyio

from img402_mcp.client.http import Request, Response
from img402_mcp.errors import AnswerLost, NotReached
from img402_mcp.wire import x402 as wire
from img402_mcp.wire.evm import account
from tests.fakes.keys import PAYEE
from tests.fakes.serving import Hanging, awaited

ORIGIN = "https://api.example"
ROUTE = "/api/upload/token"


def offer(version: int = 2, **changes: Any) -> dict[str, Any]:
    """An offer of 0.01 USDC on Base. None removes a field."""
    network = {1: "base", 2: "eip155:8453"}[version]
    amount = {1: "maxAmountRequired", 2: "amount"}[version]
    fields = {
        "scheme": "exact",
        "network": network,
        amount: "10000",
        "asset": wire.BASE.usdc,
        "payTo": PAYEE,
        "maxTimeoutSeconds": 300,
        "extra": {"name": "USD Coin", "version": "2"},
    } | changes
    return {name: value for name, value in fields.items() if value is not None}


def asking(*offers: dict[str, Any], version: int = 2, **changes: Any) -> Response:
    """A 402 of that version; a field that is None is left out."""
    document = {"x402Version": version, "error": "Payment required", "accepts": [*offers]} | changes
    document = {name: value for name, value in document.items() if value is not None}
    if version == 1:
        return Response(402, {"content-type": "application/json"}, json.dumps(document).encode())
    return Response(402, {"payment-required": wire.encoded(document)}, b"{}")


class Paywall:
    """Sells tokens. Verifies each proof, settles a nonce once, and repeats its answer to a known proof.

    `mishaps`: what happens to the next requests with a proof, in order. `books`: nonce -> settled value.
    """

    def __init__(self, version: int = 2, origin: str = ORIGIN) -> None:
        self.version = version
        self.url = origin + ROUTE
        self.offers = [offer(version)]
        self.extensions: dict[str, Any] = {}
        self.mishaps: list[str] = []
        self.remembers = True
        self.requests: list[Request] = []
        self.signed: dict[str, int] = {}
        self.books: dict[str, int] = {}
        self.hung = anyio.Event()

    @property
    def payment_required(self) -> Response:
        extensions = self.extensions or None
        changes = {"resource": {"url": self.url}, "extensions": extensions} if self.version == 2 else {}
        return asking(*self.offers, version=self.version, **changes)

    def proofs(self) -> list[str]:
        names = wire.PAYMENT_HEADERS.values()
        return [value for request in self.requests for name, value in request.headers.items() if name in names]

    async def __call__(self, request: Request) -> Response:
        return await awaited(self.answer, request)

    def answer(self, request: Request) -> Response:
        self.requests.append(request)
        headers = {name.lower(): value for name, value in request.headers.items()}
        proof = headers.get(wire.PAYMENT_HEADERS[self.version].lower())
        if proof is None:
            return self.payment_required
        return self._paid(wire.ExactPayload.model_validate(wire.decoded(proof)["payload"]))

    def _paid(self, payload: wire.ExactPayload) -> Response:
        mishap = self.mishaps.pop(0) if self.mishaps else "granted"
        nonce, value = payload.authorization.nonce, payload.authorization.value
        self.signed[nonce] = value
        if mishap == "never-arrived":
            raise NotReached("api.example could not be reached.")
        if mishap == "refused":
            return self.payment_required
        if mishap == "declined":
            return Response(400, {}, b'{"error": "invalid_payment"}')
        if nonce in self.books and not self.remembers:
            return self.payment_required
        if nonce not in self.books:
            assert recovered(payload, wire.BASE) == payload.authorization.payer
            self.books[nonce] = value
        return self._outcome(mishap, nonce)

    def _outcome(self, mishap: str, nonce: str) -> Response:
        """All of these come after the money was taken."""
        match mishap:
            case "answer-lost":
                raise AnswerLost("api.example did not answer in time.")
            case "hangs":
                self.hung.set()
                raise Hanging
            case "granted":
                return self._granted(nonce)
            case "second-402":
                return self.payment_required
            case "pending":
                return Response(503, {"retry-after": "7"}, b'{"error": "payment_pending", "message": "wait"}')
            case "busy-for-long":
                return Response(503, {"retry-after": "3600"}, b"")
            case _:
                return Response(int(mishap), {}, b"<html>sorry</html>")

    def _granted(self, nonce: str) -> Response:
        receipt = {"success": True, "transaction": "0x" + "ab" * 32, "network": "eip155:8453", "payer": "0x0"}
        token = hashlib.sha256(nonce.encode()).hexdigest()[:40]
        body = json.dumps({"token": token, "expiresAt": "2026-09-21T15:03:20.000Z"}).encode()
        return Response(200, {wire.RECEIPT_HEADERS[self.version].lower(): wire.encoded(receipt)}, body)


def recovered(payload: wire.ExactPayload, network: wire.Network) -> str:
    """Who signed, told by eth_account from the fields as they travelled."""
    eth_account = account()
    from eth_account.messages import encode_typed_data  # noqa: PLC0415  # after account(), which keeps what it must

    names = ("from", "to", "value", "validAfter", "validBefore", "nonce")
    kinds = ("address", "address", "uint256", "uint256", "uint256", "bytes32")
    message = payload.authorization.dump()
    typed = {
        "primaryType": "TransferWithAuthorization",
        "types": {
            "EIP712Domain": [
                {"name": "name", "type": "string"},
                {"name": "version", "type": "string"},
                {"name": "chainId", "type": "uint256"},
                {"name": "verifyingContract", "type": "address"},
            ],
            "TransferWithAuthorization": [
                {"name": name, "type": kind} for name, kind in zip(names, kinds, strict=True)
            ],
        },
        "domain": {
            "name": network.domain_name,
            "version": network.domain_version,
            "chainId": network.chain_id,
            "verifyingContract": network.usdc,
        },
        "message": {**message, "nonce": bytes.fromhex(message["nonce"][2:])}
        | {name: int(message[name]) for name in names[2:5]},
    }
    return str(eth_account.recover_message(encode_typed_data(full_message=typed), signature=payload.signature))
