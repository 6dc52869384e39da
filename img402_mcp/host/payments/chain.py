"""The outcome of an authorization, read from the chain itself over JSON-RPC.

`authorizationState` alone does not tell a payment from a cancellation, so the transfer is looked for.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import httpx2

from img402_mcp.host.payments.facilitators.base import Claim, Rejected, Settled, Unknown
from img402_mcp.host.payments.json_answer import JsonClient
from img402_mcp.wire.evm import authorization_state, number, rpc_request, word
from img402_mcp.wire.x402 import Network

# The Keccak hashes of events.
AUTHORIZATION_CANCELED = "0x1cdd46ff242716cdaa72d159d339a485b3438398348d68f09d7c8c0a59353d81"
AUTHORIZATION_USED = "0x98de503528ee59b575ef0c0a2576a82497bfc029a5685b209e9ec333479b10a5"
TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"

ANSWER_LIMIT = 1_048_576
_UNUSABLE = (
    *(httpx2.HTTPError, TimeoutError),
    *(LookupError, ValueError, TypeError, AttributeError, RecursionError),
)
TIMEOUT, SECONDS = httpx2.Timeout(10), 15.0
SLACK = 300  # blocks, for clocks that differ
SPAN = 5000  # blocks: nearly three hours, and within the range that public nodes allow


class Chain:
    def __init__(self, url: str, network: Network, client: JsonClient | None = None) -> None:
        self._url, self._network = url, network
        self._client = client or JsonClient(ANSWER_LIMIT, TIMEOUT, SECONDS)

    async def aclose(self) -> None:
        await self._client.aclose()

    async def outcome(self, claim: Claim, since: datetime) -> Settled | Rejected | Unknown:
        """Rejected only where it can never be settled again: cancelled, or past its window by the chain's clock."""
        try:
            return await self._outcome(claim, since)
        except _UNUSABLE as error:
            return Unknown(f"the chain gave no usable answer ({type(error).__name__})")

    async def _outcome(self, claim: Claim, since: datetime) -> Settled | Rejected | Unknown:
        if number(await self._call("eth_chainId")) != self._network.chain_id:
            return Unknown(f"IMG402_HOST_RPC_URL serves another chain than {self._network.name}")
        block = await self._call("eth_getBlockByNumber", "latest", False)  # without its transactions
        paid = claim.authorization
        is_used = authorization_state(self._network, paid.payer, paid.nonce)
        if number(await self._call("eth_call", is_used, block["number"])) != 1:
            over = number(block["timestamp"]) >= paid.valid_before
            return Rejected("expired") if over else Unknown("it can still be settled")
        age = max(0, number(block["timestamp"]) - int(since.timestamp()))
        first = max(0, number(block["number"]) - age // self._network.block_seconds - SLACK)
        return await self._transfer(claim, first, min(number(block["number"]), first + SPAN))

    async def _transfer(self, claim: Claim, first: int, last: int) -> Settled | Rejected | Unknown:
        paid = claim.authorization
        topics = [[AUTHORIZATION_USED, AUTHORIZATION_CANCELED], word(paid.payer), paid.nonce.lower()]
        where = {"address": self._network.usdc, "fromBlock": hex(first), "toBlock": hex(last), "topics": topics}
        found = await self._call("eth_getLogs", where)
        if not found:
            return Unknown("it was used or cancelled, in a block outside the searched range")
        (used,) = found
        if used["topics"][0] == AUTHORIZATION_CANCELED:
            return Rejected("authorization_canceled")
        receipt = await self._call("eth_getTransactionReceipt", used["transactionHash"])
        # USDC logs the transfer directly after the authorization's use; any other may belong to another one.
        follows = number(used["logIndex"]) + 1
        moved = any(number(log["logIndex"]) == follows and self._pays(log, claim) for log in receipt["logs"])
        return Settled(str(used["transactionHash"])) if moved else Rejected("used_for_another_transfer")

    def _pays(self, log: Mapping[str, Any], claim: Claim) -> bool:
        return (
            log["address"].lower() == self._network.usdc.lower()
            and log["topics"] == [TRANSFER, word(claim.authorization.payer), word(claim.pay_to)]
            and number(log["data"]) == claim.amount
        )

    async def _call(self, method: str, *parameters: object) -> Any:  # noqa: ANN401  # JSON
        return (await self._client.post(self._url, rpc_request(method, *parameters)))["result"]
