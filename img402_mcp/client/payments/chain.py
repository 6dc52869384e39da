"""What the chain knows about an authorization: three JSON-RPC calls, no library."""

import json
from dataclasses import dataclass, field
from typing import Any

from img402_mcp.client.http import Request, Send
from img402_mcp.errors import BadAnswer, NotReached, UploadFailed, quoted
from img402_mcp.wire import evm
from img402_mcp.wire.x402 import Network


@dataclass(frozen=True)
class Node:
    """A JSON-RPC node of a chain. The URL may hold a key, so it is in no repr and no error."""

    send: Send = field(repr=False)
    url: str = field(repr=False)

    async def has_used(self, network: Network, payer: str, nonce: str, *, after: int) -> bool:
        """Whether `nonce` was used (settled or cancelled; we never cancel), as of a block later than `after`.

        A node that lags behind would call a settled payment unsettled, so one whose newest block is not later is not
        asked. Raises UploadFailed if there is no usable answer.
        """
        if (chain := await self._number("eth_chainId")) != network.chain_id:
            raise BadAnswer(f"The RPC node serves chain {chain}, not {network.name}, which is {network.chain_id}.")
        call, block = evm.authorization_state(network, payer, nonce), await self._block(after)
        state = await self._number("eth_call", call, block)
        if state not in {0, 1}:
            raise BadAnswer(f"The RPC node says {state} where 0 (unused) or 1 (used) was expected.")
        return state == 1

    async def balance(self, network: Network, owner: str) -> int:
        """In atomic units. Raises UploadFailed if there is no usable answer."""
        return await self._number("eth_call", evm.balance_of(network, owner), "latest")

    async def _block(self, after: int) -> str:
        """The number of the newest block, so that the same block answers, whichever machine serves the node."""
        block = await self._call("eth_getBlockByNumber", "latest", False)  # without its transactions
        if not isinstance(block, dict) or _integer(block.get("timestamp")) <= after:
            raise BadAnswer("The RPC node has not seen the end of the payment's window.")
        return hex(_integer(block.get("number")))

    async def _number(self, method: str, *parameters: object) -> int:
        return _integer(await self._call(method, *parameters))

    async def _call(self, method: str, *parameters: object) -> Any:  # noqa: ANN401  # JSON
        body = json.dumps(evm.rpc_request(method, *parameters)).encode()
        try:
            answer = await self.send(Request("POST", self.url, {"Content-Type": "application/json"}, (body,)))
        except UploadFailed:  # its text names the node's address
            raise NotReached("The RPC node did not answer.") from None
        try:
            return json.loads(answer.body)["result"]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise BadAnswer(f"The RPC node answered {method} with status {answer.status} and no result.") from None


def _integer(value: object) -> int:
    try:
        return evm.number(value)
    except ValueError:
        raise BadAnswer(f"The RPC node answered {quoted(repr(value), 80)} where a number was expected.") from None
