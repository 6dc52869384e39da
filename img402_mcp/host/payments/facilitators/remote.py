"""Any x402 facilitator by URL: POST /verify and /settle, as the specification of x402 has them."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any

import httpx2

from img402_mcp.host.payments.chain import Chain
from img402_mcp.host.payments.facilitators.base import Claim, Rejected, Settled, Unknown, Valid
from img402_mcp.host.payments.json_answer import JsonClient

ANSWER_LIMIT = 65_536
SECONDS = 30.0  # a settlement waits for the chain: some seconds on Base, more when it is busy
TIMEOUT = httpx2.Timeout(connect=5, read=30, write=5, pool=5)

Authorize = Callable[[str, str], Awaitable[Mapping[str, str]]]
"""`await authorize("POST", url)`: the headers that the facilitator asks for, such as Coinbase's bearer token."""

# The names differ between the specification and its implementations, so they are matched by parts. What is in
# neither list is undecided: a payment counts as refused only where that is certain.
_USED = ("already_used", "nonce_used", "used_or_canceled", "used or canceled")
_OUTCOME_UNKNOWN = ("transaction", "failed", "unexpected", "pending", "receipt", "timeout")
_NEVER_SENT = (
    *("insufficient", "signature", "valid_before", "valid_after", "expired", "recipient", "value", "amount"),
    *("scheme", "network", "payload", "requirements", "version", "mismatch", "eip712", "eip3009", "unsupported"),
)


class Remote:
    def __init__(
        self,
        url: str,
        chain: Chain | None = None,
        authorize: Authorize | None = None,
        client: JsonClient | None = None,
    ) -> None:
        self._url, self._chain, self._authorize = url.rstrip("/"), chain, authorize
        self._client = client or JsonClient(ANSWER_LIMIT, TIMEOUT, SECONDS)

    async def aclose(self) -> None:
        await self._client.aclose()
        if self._chain is not None:
            await self._chain.aclose()

    async def verify(self, claim: Claim) -> Valid | Rejected | Unknown:
        answer = await self._post("/verify", claim)
        if isinstance(answer, Unknown):
            return answer
        if answer.get("isValid") is True:
            return Valid()
        reason = _text(answer.get("invalidReason"))
        if answer.get("isValid") is not False or not reason or "unexpected" in reason:
            return Unknown(reason or "the facilitator's answer makes no sense")
        return Rejected(reason, used=_is_used(reason))

    async def settle(self, claim: Claim) -> Settled | Rejected | Unknown:
        answer = await self._post("/settle", claim)
        if isinstance(answer, Unknown):
            return answer
        if answer.get("success") is True:
            return Settled(_text(answer.get("transaction")))
        reason = _text(answer.get("errorReason"))
        if answer.get("success") is not False or answer.get("transaction"):
            return Unknown(reason or "the facilitator's answer makes no sense")
        return refusal(reason)

    async def recall(self, claim: Claim, since: datetime) -> Settled | Rejected | Unknown:
        if self._chain is None:
            return Unknown("no chain can be asked: IMG402_HOST_RPC_URL is not set")
        return await self._chain.outcome(claim, since)

    async def _post(self, path: str, claim: Claim) -> dict[str, Any] | Unknown:
        message = {
            "x402Version": claim.version,
            "paymentPayload": claim.document,
            "paymentRequirements": claim.requirements,
        }
        url = f"{self._url}{path}"
        try:
            headers = await self._authorize("POST", url) if self._authorize else {}
            answer = await self._client.post(url, message, headers)
        except (httpx2.HTTPError, ValueError, RecursionError, TimeoutError) as error:
            return Unknown(f"the facilitator gave no usable answer ({type(error).__name__})")
        # An error status may carry an answer too: facilitators differ in this.
        return answer if isinstance(answer, dict) else Unknown("the facilitator gave no usable answer (ValueError)")


def refusal(reason: str) -> Rejected | Unknown:
    if _is_used(reason):
        return Rejected(reason, used=True)
    if any(part in reason for part in _OUTCOME_UNKNOWN) or not any(part in reason for part in _NEVER_SENT):
        return Unknown(reason or "the facilitator gave no reason")
    return Rejected(reason)


def _is_used(reason: str) -> bool:
    return any(part in reason for part in _USED)


def _text(value: object) -> str:
    return value[:200] if isinstance(value, str) else ""
