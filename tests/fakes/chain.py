import json
from typing import Any

from img402_mcp.client.http import Request, Response
from img402_mcp.wire import x402 as wire
from tests.fakes.clock import Clock
from tests.fakes.paywall import Paywall

NODE = "https://node.example/secret-key"


class Chain:
    """A JSON-RPC node that knows what the API settled."""

    def __init__(self, paywall: Paywall, clock: Clock) -> None:
        self.paywall = paywall
        self.clock = clock
        self.chain_id = wire.BASE.chain_id
        self.behind = 0
        self.answers: dict[str, Any] = {}

    def answer(self, request: Request) -> Response:
        call = json.loads(b"".join(request.body))
        result = self.answers.get(call["method"]) or self.result(call["method"], call["params"])
        return Response(200, {}, json.dumps({"jsonrpc": "2.0", "id": call["id"], "result": result}).encode())

    def result(self, method: str, parameters: list[Any]) -> object:
        if method == "eth_chainId":
            return hex(self.chain_id)
        if method == "eth_getBlockByNumber":
            return {"number": "0x10", "timestamp": hex(int(self.clock.now()) - self.behind)}
        if parameters[0]["data"].startswith("0x70a08231"):
            return hex(250_000)
        assert (parameters[0]["to"], parameters[0]["data"][:10], parameters[1]) == (
            wire.BASE.usdc,
            "0xe94a0102",
            "0x10",
        )
        return "0x" + f"{int('0x' + parameters[0]['data'][-64:] in self.paywall.books):064x}"
